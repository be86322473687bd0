import path from 'node:path'
import sharp from 'sharp'

const original = path.join(import.meta.dirname, '../../assets/seeding.jpg')

/**
 * A photograph as a phone hands it over: some megabytes, lying on its side with a note which way is up, and
 * with the place it was taken at.
 */
export async function takePhoto(): Promise<Buffer> {
  return sharp(original)
    .rotate(90)
    .resize({ width: 3_000 })
    .withMetadata({ orientation: 8 })
    .withExif({
      IFD0: { Make: 'Parley', Model: 'Demo', Orientation: '8' },
      IFD3: {
        GPSLatitudeRef: 'N',
        GPSLatitude: '52/1 31/1 12/1',
        GPSLongitudeRef: 'E',
        GPSLongitude: '13/1 24/1 18/1',
      },
    })
    .jpeg({ quality: 95 })
    .toBuffer()
}

export interface PhotoFacts {
  width: number
  height: number
  /** Whether the bytes still say where the picture was taken. */
  tellsPlace: boolean
}

export async function lookAt(bytes: Buffer): Promise<PhotoFacts> {
  const { width, height, exif } = await sharp(bytes).metadata()
  // GPSInfo is tag 0x8825 of the first directory, in either byte order.
  const tellsPlace =
    exif !== undefined &&
    (exif.includes(Buffer.from([0x88, 0x25])) || exif.includes(Buffer.from([0x25, 0x88])))
  return { width, height, tellsPlace }
}
