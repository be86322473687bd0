import sharp, { type Sharp } from 'sharp'

const brown = { r: 120, g: 80, b: 40 }

/** Red on the left half, blue on the right, so that a turn shows. */
export function halves(width: number, height: number): Sharp {
  const blue = { create: { width: width / 2, height, channels: 3 as const, background: '#0000ff' } }
  return sharp({ create: { width, height, channels: 3, background: '#ff0000' } }).composite([
    { input: blue, left: width / 2, top: 0 },
  ])
}

/** As a phone held upright stores it: lying on its side with a note to turn it, and the place it was taken at. */
export function phonePhoto(width = 640, height = 480): Promise<Buffer> {
  return halves(width, height)
    .withExif({
      IFD0: { Make: 'Phone', Orientation: '6' },
      IFD3: {
        GPSLatitudeRef: 'N',
        GPSLatitude: '52/1 31/1 12/1',
        GPSLongitudeRef: 'E',
        GPSLongitude: '13/1 24/1 18/1',
      },
    })
    .withMetadata({ orientation: 6 })
    .jpeg({ quality: 95 })
    .toBuffer()
}

export const plainPng = (width = 40, height = 30) =>
  sharp({ create: { width, height, channels: 3, background: brown } })
    .png()
    .toBuffer()

/** 256 megapixels in less than a megabyte. */
export const bombPng = () =>
  sharp({
    create: { width: 16_000, height: 16_000, channels: 3, background: brown },
    limitInputPixels: false,
  })
    .png({ palette: true, colours: 2, effort: 1, compressionLevel: 9 })
    .toBuffer()

export async function animation(format: 'gif' | 'webp', frames = 3): Promise<Buffer> {
  const [width, height] = [60, 40]
  const raw = Buffer.alloc(width * height * frames * 3)
  for (let i = 0; i < raw.length; i++)
    raw[i] = (Math.floor(i / (width * height * 3)) * 70 + (i % 3) * 20) % 256
  const image = sharp(raw, { raw: { width, height: height * frames, channels: 3, pageHeight: height } })
  return format === 'gif'
    ? image.gif({ delay: Array.from({ length: frames }, () => 100), loop: 0 }).toBuffer()
    : image.webp({ delay: Array.from({ length: frames }, () => 100), loop: 0 }).toBuffer()
}
