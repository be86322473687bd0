import { randomUUID } from 'node:crypto'
import type { MediaId, UserId } from '@parley/shared/ids'
import { isAccepted, isFilm, isSound, normalType } from '../content-type/accepted.ts'
import type { Context } from '../context.ts'
import { doom } from '../doomed/store.ts'
import { filmsNotTaken, quotaExceeded, tooManyPending, typeNotAccepted, uploadTooLarge } from '../errors.ts'
import { countPending, insertMedia, sumBytes } from '../media/store.ts'
import { newKey, type UploadLink } from '../storage/storage.ts'
import { displayName } from './file-name.ts'

interface UploadRequest {
  ownerId: UserId
  fileName: string
  contentType: string
  sizeBytes: number
}

export interface Ticket {
  mediaId: MediaId
  upload: UploadLink
  expiresAt: Date
}

/** After its link ends an upload may still be on its way and may still be completed, for so long. */
export const lateMs = 10 * 60_000

/** Gives out a link to put the bytes to. They stay apart from everything served until the upload is completed. */
export async function beginUpload(
  ctx: Pick<Context, 'db' | 'storage' | 'config' | 'metrics' | 'filmsAndSounds'>,
  request: UploadRequest,
): Promise<Ticket> {
  const { db, storage, config, metrics } = ctx
  const { ttlSeconds, maxPending, quotaBytes } = config.uploads
  const maxBytes = Math.min(config.uploads.maxBytes, config.clamav?.maxBytes ?? Number.POSITIVE_INFINITY)
  const contentType = normalType(request.contentType)
  if (request.sizeBytes > maxBytes) throw uploadTooLarge(maxBytes)
  if (!isAccepted(contentType)) throw typeNotAccepted()
  if (!ctx.filmsAndSounds && (isFilm(contentType) || isSound(contentType))) throw filmsNotTaken()

  const mediaId = randomUUID() as MediaId
  const incomingKey = newKey('incoming')
  const expiresAt = new Date(Date.now() + ttlSeconds * 1_000)
  await db.transaction().execute(async (trx) => {
    if ((await countPending(trx, request.ownerId)) >= maxPending) throw tooManyPending(maxPending)
    if ((await sumBytes(trx, request.ownerId)) + request.sizeBytes > quotaBytes)
      throw quotaExceeded(quotaBytes)
    await insertMedia(trx, {
      id: mediaId,
      ownerId: request.ownerId,
      fileName: displayName(request.fileName),
      declaredType: contentType,
      sizeBytes: request.sizeBytes,
      incomingKey,
      expiresAt,
    })
    // Never spared: the link can write there again until it ends, also when the upload was completed.
    await doom(trx, [incomingKey], ttlSeconds * 1_000 + lateMs)
  })
  const upload = await storage.uploadLink(incomingKey, {
    contentType,
    sizeBytes: request.sizeBytes,
    ttlSeconds,
  })
  metrics.uploads.inc({ outcome: 'begun' })
  return { mediaId, upload, expiresAt }
}
