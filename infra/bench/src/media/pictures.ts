import { randomBytes } from 'node:crypto'
import sharp from 'sharp'

/** As a camera makes it: soft, detailed everywhere, and turned by a note. */
export function photo(width: number, height: number): Promise<Buffer> {
  const [columns, rows] = [Math.ceil(width / 16), Math.ceil(height / 16)]
  return sharp(randomBytes(columns * rows * 3), { raw: { width: columns, height: rows, channels: 3 } })
    .resize(width, height, { fit: 'fill', kernel: 'cubic' })
    .withMetadata({ orientation: 6 })
    .jpeg({ quality: 90 })
    .toBuffer()
}
