import type { UserId } from '@parley/shared/ids'
import { findReach } from '@parley/shared/presence'
import type { ClientReply, ClientRequest } from '@parley/shared/protocol'
import type { Context } from '../context.ts'
import { presenceUnknown } from '../errors.ts'
import { listVisible } from './store.ts'

/**
 * Who of these is there at this moment. Whoever may not be seen is not told apart from who is away and was never seen.
 * Errors: `unavailable` while Redis does not say.
 */
export async function readPresence(
  { db, redis }: Pick<Context, 'db' | 'redis'>,
  seenBy: UserId,
  { ids }: ClientRequest<'presence:read'>,
): Promise<ClientReply<'presence:read'>> {
  const rows = await listVisible(
    db,
    ids.map((userId) => ({ userId, seenBy })),
  )
  const lastSeen = new Map(rows.map(({ userId, lastSeenAt }) => [userId, lastSeenAt]))
  const reach = await findReach(redis, [...lastSeen.keys()] as UserId[]).catch((cause: unknown) => {
    throw presenceUnknown(cause)
  })
  if (!reach) throw presenceUnknown()
  return {
    states: ids.map((userId) => {
      const state = reach.get(userId)
      const lastSeenAt = lastSeen.get(userId)?.toISOString()
      if (state === undefined) return { userId, online: false, ...(lastSeenAt ? { lastSeenAt } : {}) }
      return { userId, online: true, ...(state === 'background' ? { away: true } : {}) }
    }),
  }
}
