import { randomUUID } from 'node:crypto'
import type { MediaId, UserId } from '@parley/shared/ids'
import { isAccepted, isFilm, isSound, normalType } from '../content-type/accepted.ts'
import type { Context } from '../context.ts'
import { doom } from '../doomed/store.ts'
import { filmsNotTaken, quotaExceeded, tooManyPending, typeNotAccepted, uploadTooLarge } from '../errors.ts'
import { countPending, insertMedia, sumBytes } from '../media/store.ts'
import { newKey } from '../storage/storage.ts'
import { displayName } from './file-name.ts'
import { maxBytesOf } from './size-limits.ts'

export interface UploadRequest {
  ownerId: UserId
  fileName: string
  contentType: string
  sizeBytes: number
}

export interface Ticket {
  mediaId: MediaId
  /** Where the bytes are to go. Nothing is served from there. */
  incomingKey: string
  /** As declared, in its usual spelling. */
  contentType: string
  sizeBytes: number
  expiresAt: Date
}

/**
 * What one user may ask for on one instance: more than any album. Each ticket leaves the key of its bytes behind until
 * nobody can write there any more, half a day with `s3`, also where it is given back at once.
 */
export function ticketRate(maxPending: number) {
  const burst = Math.max(100, 5 * maxPending)
  return { burst, perSecond: burst / 200 }
}

/** After its link ends an upload may still be completed, for so long. */
export const lateMs = 10 * 60_000

/**
 * Room for an upload: a row that waits for the bytes, if size, type, quota and the number of open ones allow it.
 *
 * @throws AppError `too_large`, `unsupported_media`, `rate_limited`
 */
export async function openTicket(
  ctx: Pick<Context, 'db' | 'storage' | 'config' | 'metrics' | 'filmsAndSounds' | 'ticketLimits'>,
  request: UploadRequest,
  { area, ttlSeconds }: { area: 'incoming' | 'parts' | 'tus'; ttlSeconds: number },
): Promise<Ticket> {
  const { db, storage, config, metrics } = ctx
  const { maxPending, quotaBytes } = config.uploads
  const { ownerId, sizeBytes } = request
  const contentType = normalType(request.contentType)
  const maxBytes = maxBytesOf(config, contentType)
  if (sizeBytes > maxBytes) throw uploadTooLarge(maxBytes)
  if (!isAccepted(contentType)) throw typeNotAccepted()
  if (!ctx.filmsAndSounds && (isFilm(contentType) || isSound(contentType))) throw filmsNotTaken()

  ctx.ticketLimits.take(ownerId)
  const mediaId = randomUUID() as MediaId
  const incomingKey = newKey(area)
  const expiresAt = new Date(Date.now() + ttlSeconds * 1_000)
  const fileName = displayName(request.fileName)
  await db.transaction().execute(async (trx) => {
    if ((await countPending(trx, ownerId)) >= maxPending) throw tooManyPending(maxPending)
    if ((await sumBytes(trx, ownerId)) + sizeBytes > quotaBytes) throw quotaExceeded(quotaBytes)
    await insertMedia(trx, {
      id: mediaId,
      ownerId,
      fileName,
      declaredType: contentType,
      sizeBytes,
      incomingKey,
      expiresAt,
    })
    // Never spared: the link can write there again until it ends, also when the upload was completed; and who began
    // by then may go on, long after the ticket is gone.
    await doom(trx, [incomingKey], ttlSeconds * 1_000 + storage.uploadLastsMs + lateMs)
  })
  metrics.uploads.inc({ outcome: 'begun' })
  return { mediaId, incomingKey, contentType, sizeBytes, expiresAt }
}
