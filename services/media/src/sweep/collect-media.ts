import type { Context } from '../context.ts'
import { doom } from '../doomed/store.ts'
import { listCollectable, putOffCollection, removeCollected } from '../media/store.ts'

/**
 * Takes away a page of media that no message, profile or group shows anybody any more, and says how many were looked
 * at. Who claims media in between, to refer to it, keeps it: claiming puts its next look off, and only what is still
 * due is taken. Links in hand hold until they end.
 */
export async function collectMedia(
  { db, messages, config, metrics }: Pick<Context, 'db' | 'messages' | 'config' | 'metrics'>,
  pageSize: number,
): Promise<number> {
  const { againMs, retentionMs } = config.collection
  const due = await listCollectable(db, pageSize)
  if (due.length === 0) return 0
  const sentAfter = retentionMs === undefined ? undefined : new Date(Date.now() - retentionMs)
  const needed = await messages.findNeeded(due, sentAfter)
  await putOffCollection(db, [...needed], againMs)
  const unneeded = due.filter((mediaId) => !needed.has(mediaId))
  const removed = await db.transaction().execute(async (trx) => {
    const keys = await removeCollected(trx, unneeded)
    await doom(trx, keys.flat(), config.linkTtlSeconds * 1_000)
    return keys.length
  })
  metrics.swept.inc({ kind: 'collected' }, removed)
  return due.length
}
