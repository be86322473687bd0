import { createHash } from 'node:crypto'
import sharp from 'sharp'

const cells = 5
const margin = 0.5

/**
 * The picture of whoever has none: a pattern and a colour out of their id, the same on every machine and for ever.
 * It needs no fonts, which a slim image does not have.
 */
export async function drawIdenticon(id: string, side: number): Promise<Buffer> {
  return sharp(Buffer.from(identiconSvg(id)), { density: 72 })
    .resize(side, side)
    .png({ palette: true })
    .toBuffer()
}

/** Mirrored about its middle, so that it looks like something. Nothing of the id itself is in it. */
export function identiconSvg(id: string): string {
  const digest = createHash('sha256').update(id).digest()
  const hue = digest.readUInt16BE(0) % 360
  const columns = Math.ceil(cells / 2)
  const squares: string[] = []
  for (let row = 0; row < cells; row++) {
    for (let column = 0; column < columns; column++) {
      const bit = row * columns + column
      // An even byte draws; the middle is always drawn, so that no picture is empty.
      const isDrawn = digest.readUInt8(2 + bit) % 2 === 0 || (row === 2 && column === columns - 1)
      if (!isDrawn) continue
      for (const x of new Set([column, cells - 1 - column]))
        squares.push(`<rect x="${x + margin}" y="${row + margin}" width="1" height="1"/>`)
    }
  }
  const size = cells + 2 * margin
  return `<svg xmlns="http://www.w3.org/2000/svg" width="512" height="512" viewBox="0 0 ${size} ${size}" shape-rendering="crispEdges">
<rect width="${size}" height="${size}" fill="hsl(${hue}, 45%, 92%)"/><g fill="hsl(${hue}, 55%, 45%)">${squares.join('')}</g></svg>`
}
