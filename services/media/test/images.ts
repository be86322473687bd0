import { crc32, deflateSync } from 'node:zlib'
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

/** 256 megapixels of one bit each, all black, in some thirty kilobytes (PNG, third edition, 5.3). */
export function bombPng(): Buffer {
  const side = 16_000
  const header = Buffer.alloc(13)
  header.writeUInt32BE(side, 0)
  header.writeUInt32BE(side, 4)
  header.writeUInt8(1, 8)
  // Each line is a byte for its filter and an eighth of a byte for each pixel.
  const pixels = deflateSync(Buffer.alloc(side * (1 + side / 8)), { level: 1 })
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])
  return Buffer.concat([
    signature,
    chunk('IHDR', header),
    chunk('IDAT', pixels),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

function chunk(type: string, data: Buffer): Buffer {
  const typed = Buffer.concat([Buffer.from(type), data])
  const framed = Buffer.alloc(typed.length + 8)
  framed.writeUInt32BE(data.length, 0)
  typed.copy(framed, 4)
  framed.writeUInt32BE(crc32(typed), framed.length - 4)
  return framed
}

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
