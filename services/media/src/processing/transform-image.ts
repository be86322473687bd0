import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import sharp, { type Metadata, type Sharp, type SharpOptions } from 'sharp'
import { rgbaToThumbHash } from 'thumbhash'
import { maxFrames, maxPixels, thumbnailSide } from './limits.ts'
import { outputFiles, type TransformReply, type TransformRequest } from './transform.ts'

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
  write: (image: Sharp) => Sharp
}

type ShownType = Extract<TransformReply, { ok: true }>['contentType']

const formats: Record<string, Format> = {
  'image/jpeg': {
    format: 'jpeg',
    loader: 'VipsForeignLoadJpeg',
    shownAs: 'image/jpeg',
    write: (image) => image.jpeg({ quality: 88 }),
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
    write: (image) => image.webp({ quality: 88 }),
  },
}

/**
 * Makes of an uploaded image the one that is shown, upright and without metadata, so without the place it was
 * taken at; a thumbnail of its first frame; and a thumbhash.
 */
export async function transformImage(request: TransformRequest): Promise<TransformReply> {
  const made = await decode(request).catch((cause: unknown): Refusal => refusalOf(cause))
  if ('failure' in made) return { ok: false, failure: made.failure }

  const { shown, thumbnail, thumbhash, contentType } = made
  await writeFile(path.join(request.directory, outputFiles.shown), shown.data)
  await writeFile(path.join(request.directory, outputFiles.thumbnail), thumbnail.data)
  return {
    ok: true,
    contentType,
    sizeBytes: shown.data.length,
    width: shown.info.width,
    height: shown.info.pageHeight ?? shown.info.height,
    thumbnail: { width: thumbnail.info.width, height: thumbnail.info.height },
    thumbhash,
  }
}

interface Refusal {
  failure: 'unreadable' | 'too_many_pixels'
}

async function decode({ file, contentType }: TransformRequest) {
  const expected = formats[contentType]
  if (!expected) return unreadable
  const metadata = await sharp(file, strict).metadata()
  if (metadata.format !== expected.format) return unreadable
  if (isTooLarge(metadata)) return tooManyPixels

  const animated = (metadata.pages ?? 1) > 1 && contentType !== 'image/avif'
  const source = sharp(file, { ...strict, animated })
  // libvips cannot turn an animation; without its metadata one is shown as it was drawn.
  const upright = animated ? source : source.autoOrient()
  const shown = await expected.write(upright).toBuffer({ resolveWithObject: true })
  const thumbnail = await sharp(file, strict)
    .autoOrient()
    .resize(thumbnailSide, thumbnailSide, { fit: 'inside', withoutEnlargement: true })
    .webp({ quality: 80 })
    .toBuffer({ resolveWithObject: true })
  return {
    shown,
    thumbnail,
    thumbhash: await hash(thumbnail.data),
    contentType: expected.shownAs,
  }
}

const unreadable: Refusal = { failure: 'unreadable' }
const tooManyPixels: Refusal = { failure: 'too_many_pixels' }

function isTooLarge({ width, height, pages = 1 }: Metadata): boolean {
  return width * height * pages > maxPixels || pages > maxFrames
}

function refusalOf(cause: unknown): Refusal {
  return cause instanceof Error && cause.message.includes('exceeds pixel limit') ? tooManyPixels : unreadable
}

async function hash(thumbnail: Buffer): Promise<string> {
  const { data, info } = await sharp(thumbnail, strict)
    // The algorithm takes at most 100 by 100.
    .resize(100, 100, { fit: 'inside', withoutEnlargement: true })
    .ensureAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true })
  return Buffer.from(rgbaToThumbHash(info.width, info.height, data)).toString('base64')
}
