import path from 'node:path'
import sharp, { type Metadata, type OutputInfo, type Sharp, type SharpOptions } from 'sharp'
import { rgbaToThumbHash } from 'thumbhash'
import type { PictureType } from './form-plans.ts'
import { maxFrames, maxPixels, maxSide } from './limits.ts'
import type { TransformReply, TransformRequest } from './transform.ts'

const strict: SharpOptions = { failOn: 'error', limitInputPixels: maxPixels }

/** Keeps libvips to the decoders we mean, without its cache, on one thread. For the whole process. */
export function restrictDecoders(): void {
  sharp.cache(false)
  sharp.concurrency(1)
  // SVG, PDF, TIFF, ImageMagick and the rest never see a byte.
  sharp.block({ operation: ['VipsForeignLoad'] })
  sharp.unblock({ operation: Object.values(formats).map(({ loader }) => loader) })
}

interface Format {
  /** As sharp calls it. */
  format: string
  /** As libvips calls what reads it. */
  loader: string
  shownAs: ShownType
  /** The longest side of what it is shown as, where that holds less than the format itself. */
  maxSide?: number
  write: (image: Sharp) => Sharp
}

type ShownType = NonNullable<Extract<TransformReply, { ok: true }>['shown']>['contentType']

const formats: Record<string, Format> = {
  'image/jpeg': {
    format: 'jpeg',
    loader: 'VipsForeignLoadJpeg',
    shownAs: 'image/jpeg',
    // Better tables would save one byte in twenty, and take another pass over the whole picture, kept in memory for it:
    // 20 megapixels then hold 190 MB instead of 70.
    write: (image) => image.jpeg({ quality: 88, optimiseCoding: false }),
  },
  'image/png': {
    format: 'png',
    loader: 'VipsForeignLoadPng',
    shownAs: 'image/png',
    write: (image) => image.png(),
  },
  'image/webp': {
    format: 'webp',
    loader: 'VipsForeignLoadWebp',
    shownAs: 'image/webp',
    write: (image) => image.webp({ quality: 88 }),
  },
  'image/gif': {
    format: 'gif',
    loader: 'VipsForeignLoadNsgif',
    shownAs: 'image/gif',
    write: (image) => image.gif(),
  },
  // Writing AVIF takes many times as long as anything else here.
  'image/avif': {
    format: 'heif',
    loader: 'VipsForeignLoadHeif',
    shownAs: 'image/webp',
    maxSide: 16_383,
    write: (image) => image.webp({ quality: 88 }),
  },
}

/**
 * Makes of an uploaded image the one that is shown, upright and without metadata, so without the place it was
 * taken at; smaller pictures of its first frame; and a thumbhash.
 */
export async function transformImage(request: TransformRequest): Promise<TransformReply> {
  const made = await decode(request).catch((cause: unknown): Refusal => refusalOf(cause))
  if ('failure' in made) return { ok: false, failure: made.failure }

  const { shown, ...facts } = made
  return { ok: true, ...facts, ...(shown ? { shown } : {}) }
}

const shownFile = 'shown'

interface Refusal {
  failure: 'unreadable' | 'too_many_pixels'
}

async function decode(request: TransformRequest) {
  const { file, directory, contentType } = request
  const expected = formats[contentType]
  if (!expected) return unreadable
  const metadata = await sharp(file, strict).metadata()
  if (metadata.format !== expected.format) return unreadable
  if (isTooLarge(metadata, expected)) return tooManyPixels

  const animated = (metadata.pages ?? 1) > 1 && contentType !== 'image/avif'
  const { width, height } = sizeOf(metadata, animated)
  const shown = request.shown ? await writeShown({ file, directory }, expected, animated) : undefined
  const base = await readOnce(file, request)
  return {
    width,
    height,
    animated,
    shown,
    forms: await makeForms(base, request, Math.max(width, height)),
    thumbhash: await hash(base),
  }
}

const unreadable: Refusal = { failure: 'unreadable' }
const tooManyPixels: Refusal = { failure: 'too_many_pixels' }

function isTooLarge({ width, height, pages = 1 }: Metadata, { maxSide: most = maxSide }: Format): boolean {
  return width * height * pages > maxPixels || Math.max(width, height) > most || pages > maxFrames
}

/** As it is seen: an animation is not turned, anything else is as its orientation says (Exif 2.32, 4.6.4). */
function sizeOf({ width, height, orientation = 1 }: Metadata, animated: boolean) {
  return orientation >= 5 && !animated ? { width: height, height: width } : { width, height }
}

/** A picture that could be made, and not be written: no fault of the upload's. */
class NotWritten extends Error {}

async function save(image: Sharp, file: string): Promise<OutputInfo> {
  try {
    return await image.toFile(file)
  } catch (cause) {
    // libvips has one kind of error for both, so it is made once more, without the disk.
    await image.toBuffer()
    throw new NotWritten('a picture was not written', { cause })
  }
}

function refusalOf(cause: unknown): Refusal {
  if (cause instanceof NotWritten) throw cause
  return cause instanceof Error && cause.message.includes('exceeds pixel limit') ? tooManyPixels : unreadable
}

/** Straight to a file: its bytes are never together in memory. */
async function writeShown(
  { file, directory }: Pick<TransformRequest, 'file' | 'directory'>,
  { shownAs, write }: Format,
  animated: boolean,
) {
  const source = sharp(file, { ...strict, animated })
  // libvips cannot turn an animation; without its metadata one is shown as it was drawn.
  const upright = animated ? source : source.autoOrient()
  const { size } = await save(write(upright), path.join(directory, shownFile))
  return { contentType: shownAs, sizeBytes: size, file: shownFile }
}

/** Pixels in memory, no more than the largest form needs. */
interface Base {
  data: Buffer
  info: OutputInfo
}

/** Every form is made of these pixels, so that a file of 50 megapixels is unpacked once for all of them. */
function readOnce(file: string, { fit, forms }: TransformRequest): Promise<Base> {
  const side = Math.max(...forms.map((plan) => plan.side))
  return sharp(file, strict)
    .autoOrient()
    .resize(side, side, { fit, withoutEnlargement: fit === 'inside' })
    .toColourspace('srgb')
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true })
}

const from = ({ data, info }: Base) =>
  sharp(data, { raw: { width: info.width, height: info.height, channels: info.channels } })

async function makeForms(base: Base, { directory, fit, forms }: TransformRequest, longSide: number) {
  const made = []
  for (const { name, side, types, onlyOfLarger } of forms) {
    if (onlyOfLarger && longSide <= side) continue
    const pixels =
      Math.max(base.info.width, base.info.height) <= side
        ? base
        : await from(base).resize(side, side, { fit }).raw().toBuffer({ resolveWithObject: true })
    for (const contentType of types) {
      const { width, height } = pixels.info
      const file = `${name}.${contentType.slice('image/'.length)}`
      await save(writers[contentType](from(pixels)), path.join(directory, file))
      made.push({ name, contentType, width, height, file })
    }
  }
  return made
}

const writers: Record<PictureType, (image: Sharp) => Sharp> = {
  'image/avif': (image) => image.avif({ quality: 55, effort: 2 }),
  // More effort saves one byte in a hundred and takes three times as long.
  'image/webp': (image) => image.webp({ quality: 80, effort: 2 }),
  // JPEG has no transparency; what is seen through is white, as in the bubble of a chat.
  'image/jpeg': (image) => image.flatten({ background: '#ffffff' }).jpeg({ quality: 80 }),
}

async function hash(base: Base): Promise<string> {
  const { data, info } = await from(base)
    // The algorithm takes at most 100 by 100.
    .resize(100, 100, { fit: 'inside', withoutEnlargement: true })
    .toColourspace('srgb')
    .ensureAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true })
  return Buffer.from(rgbaToThumbHash(info.width, info.height, data)).toString('base64')
}
