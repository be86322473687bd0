import type { MediaId, UserId } from '@parley/shared/ids'
import { decideType, isFilm, isImage, isSound, unknownType } from '../content-type/accepted.ts'
import { sniffObject } from '../content-type/sniff-object.ts'
import { sniffedBytes } from '../content-type/sniff.ts'
import type { Context } from '../context.ts'
import type { Media } from '../db/schema.ts'
import { doom, spare } from '../doomed/store.ts'
import {
  bytesNotArrived,
  completionTooSlow,
  mediaNotFound,
  sizeMismatch,
  tooLargeForItsType,
  typeMismatch,
} from '../errors.ts'
import { findMedia, updateCompleted, updateFailed } from '../media/store.ts'
import { isIn, newKey, partSizeOf } from '../storage/storage.ts'
import { maxBytesOf } from './size-limits.ts'

/** Longer than copying and looking at an object ever takes. */
const unsparedMs = 3_600_000

interface Completion {
  ownerId: UserId
  mediaId: MediaId
  /** The `traceparent` of what asks, if its trace is recorded. */
  trace?: string | undefined
}

/**
 * Checks what arrived and moves it to where its upload link cannot reach. Completing again gives the same
 * answer, a refusal included. Pictures, films and sounds still have to be processed; a plain file is ready.
 */
export async function completeUpload(ctx: Context, { ownerId, mediaId, trace }: Completion): Promise<Media> {
  const pending = await findMedia(ctx.db, mediaId)
  if (!pending || pending.ownerId !== ownerId) throw mediaNotFound()
  if (pending.status !== 'pending') return answer(pending)

  const completed = await checkAndMove(ctx, pending)
  if (completed.objectKey !== null) await removeIncoming(ctx, completed)
  if (completed.status === 'processing') await ctx.enqueue([{ mediaId, id: mediaId, trace }])
  return answer(completed)
}

async function checkAndMove(ctx: Context, pending: Media): Promise<Media> {
  const { db, storage } = ctx
  if (!(await isWhole(ctx, pending))) return completedElsewhere(ctx, pending)
  const arrived = await storage.peek(pending.incomingKey, 1)
  if (!arrived) return completedElsewhere(ctx, pending)
  // Looked at before the copy, so that nobody makes the store copy more than was declared.
  if (arrived.sizeBytes !== pending.sizeBytes) return refuse(ctx, pending, 'size_mismatch')

  const objectKey = newKey('media')
  await doom(db, [objectKey], unsparedMs)
  if (!(await storage.copy(pending.incomingKey, objectKey))) return completedElsewhere(ctx, pending)
  // The copy is what counts: the link may have changed the source since.
  const moved = await storage.peek(objectKey, sniffedBytes)
  if (!moved) throw completionTooSlow()
  if (moved.sizeBytes !== pending.sizeBytes) return refuse(ctx, pending, 'size_mismatch')
  const found = await sniffObject(storage, { key: objectKey, ...moved }, pending.declaredType)
  const decided = decideType(pending.declaredType, found)
  if (!decided) return refuse(ctx, pending, 'type_mismatch')

  const contentType = ctx.filmsAndSounds || !(isFilm(decided) || isSound(decided)) ? decided : unknownType
  // What it really is may be held to less than what it was declared as.
  if (pending.sizeBytes > maxBytesOf(ctx.config, contentType)) return refuse(ctx, pending, 'too_large')
  const status = needsProcessing(ctx, contentType) ? 'processing' : 'ready'
  const checkAfterMs = ctx.config.sweep.requeueAfterMs
  const collectAfterMs = ctx.config.collection.graceMs
  const completed = await db.transaction().execute(async (trx) => {
    const facts = { status, contentType, objectKey, checkAfterMs, collectAfterMs } as const
    const updated = await updateCompleted(trx, pending.id, facts)
    if (updated && !(await spare(trx, [objectKey]))) throw completionTooSlow()
    return updated
  })
  if (!completed) return completedElsewhere(ctx, pending)
  ctx.metrics.uploads.inc({ outcome: 'completed' })
  return completed
}

/** Whether what came in parts is one object now. */
async function isWhole({ storage }: Pick<Context, 'storage'>, pending: Media): Promise<boolean> {
  const { incomingKey, sizeBytes } = pending
  if (!isIn('parts', incomingKey)) return true
  return storage.assemble(incomingKey, { sizeBytes, partSizeBytes: partSizeOf(sizeBytes) })
}

/** A plain file is given out as it came, once the scanner has nothing against it. */
function needsProcessing({ config }: Pick<Context, 'config'>, contentType: string): boolean {
  return isImage(contentType) || isFilm(contentType) || isSound(contentType) || config.clamav !== undefined
}

/** What another request has made of it since this one began, if it did; else there is nothing to complete. */
async function completedElsewhere({ db }: Pick<Context, 'db'>, { id }: Media): Promise<Media> {
  const media = await findMedia(db, id)
  if (!media) throw mediaNotFound()
  if (media.status === 'pending') throw bytesNotArrived()
  return media
}

async function refuse(
  ctx: Context,
  pending: Media,
  failure: 'size_mismatch' | 'type_mismatch' | 'too_large',
): Promise<Media> {
  const failed = await updateFailed(ctx.db, { id: pending.id, from: 'pending', failure })
  if (!failed) return completedElsewhere(ctx, pending)
  ctx.metrics.uploads.inc({ outcome: 'refused' })
  await removeIncoming(ctx, failed)
  return failed
}

/** The sweep would do it too, after the link has ended. */
async function removeIncoming({ storage, log }: Context, { id, incomingKey }: Media): Promise<void> {
  await storage.remove([incomingKey]).catch((err: unknown) => {
    log.warn({ err, mediaId: id }, 'incoming object stays until the sweep')
  })
}

function answer(media: Media): Media {
  if (media.failure === 'size_mismatch') throw sizeMismatch()
  if (media.failure === 'type_mismatch') throw typeMismatch()
  if (media.failure === 'too_large') throw tooLargeForItsType()
  return media
}
