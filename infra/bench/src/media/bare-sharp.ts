import path from 'node:path'
import sharp, { type Sharp } from 'sharp'

/**
 * What one would write with sharp alone: the same pictures with the same settings as the media service, written to
 * files, and the photo unpacked twice only, once for what is shown and once for everything smaller. No ticket, no
 * check, no queue, no database, no process of its own, no limit.
 */
export async function makeBare(photo: Buffer, directory: string): Promise<void> {
  const to = (name: string) => path.join(directory, name)
  await sharp(photo).autoOrient().jpeg({ quality: 88, optimiseCoding: false }).toFile(to('shown.jpg'))
  const preview = await pixels(sharp(photo).autoOrient(), 1_280)
  await preview().webp({ quality: 80, effort: 2 }).toFile(to('preview.webp'))
  await preview().jpeg({ quality: 80 }).toFile(to('preview.jpg'))
  const thumbnail = await pixels(preview(), 300)
  await thumbnail().avif({ quality: 55, effort: 2 }).toFile(to('thumbnail.avif'))
  await thumbnail().webp({ quality: 80, effort: 2 }).toFile(to('thumbnail.webp'))
  await thumbnail().jpeg({ quality: 80 }).toFile(to('thumbnail.jpg'))
  // What a thumbhash is made of.
  await preview().resize(100, 100, { fit: 'inside' }).ensureAlpha().raw().toBuffer()
}

/** Of a picture made smaller, to begin with as often as one likes. */
async function pixels(picture: Sharp, side: number): Promise<() => Sharp> {
  const small = picture.resize(side, side, { fit: 'inside', withoutEnlargement: true }).raw()
  const { data, info } = await small.toBuffer({ resolveWithObject: true })
  const { width, height, channels } = info
  return () => sharp(data, { raw: { width, height, channels } })
}
