import type { MediaId, UserId } from '@parley/shared/ids'
import type { Context } from '../context.ts'
import { removePending } from '../media/store.ts'

/**
 * Takes a ticket back that its owner was never told of and so could neither use nor give back. What may have
 * arrived is removed with its key, which stays doomed. Never throws: what led here is what is to be told.
 */
export async function withdrawTicket(
  { db, log }: Pick<Context, 'db' | 'log'>,
  { ownerId, mediaId }: { ownerId: UserId; mediaId: MediaId },
): Promise<void> {
  try {
    await db.transaction().execute((trx) => removePending(trx, { ownerId, mediaId }))
  } catch (err) {
    log.warn({ err, mediaId }, 'a ticket that nobody was told of stays open until it ends')
  }
}
