import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import sharp, { type Sharp } from 'sharp'

/**
 * What a few lines of sharp make of a photo: the same seven outputs with the same settings as the media service, written
 * to files. No ticket, no check, no queue, no database, no process of its own, no limit.
 */
export async function makeBare(photo: Buffer, directory: string): Promise<void> {
  const upright = sharp(photo).autoOrient()
  const inside = (side: number) =>
    upright.clone().resize(side, side, { fit: 'inside', withoutEnlargement: true })
  const outputs: [string, Sharp][] = [
    ['shown.jpg', upright.clone().jpeg({ quality: 88, optimiseCoding: false })],
    ['thumbnail.avif', inside(300).avif({ quality: 55, effort: 2 })],
    ['thumbnail.webp', inside(300).webp({ quality: 80, effort: 2 })],
    ['thumbnail.jpg', inside(300).jpeg({ quality: 80 })],
    ['preview.webp', inside(1_280).webp({ quality: 80, effort: 2 })],
    ['preview.jpg', inside(1_280).jpeg({ quality: 80 })],
    // What a thumbhash is made of.
    ['hash.raw', inside(100).ensureAlpha().raw()],
  ]
  for (const [name, output] of outputs) await writeFile(path.join(directory, name), await output.toBuffer())
}
