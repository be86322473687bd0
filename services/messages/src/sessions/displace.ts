import type { SessionId } from '@parley/shared/ids'
import type { Transaction } from 'kysely'
import type { Context } from '../context.ts'
import type { Database } from '../db/schema.ts'
import { announceEnd } from './end-session.ts'
import * as store from './store.ts'

/** Where every device may log in at once, the sessions used longest ago give way to a new one beyond this. */
const maxSessionsPerUser = 50

/** Which sessions of a user a new one displaces, beside the one its own device had. */
export type SessionPolicy = 'multi' | 'one-per-platform' | 'single'

/**
 * Ends what a new session displaces, under the lock of the account that the caller holds: of two log-ins at the
 * same moment the later one stands. The caller puts the new session in place first.
 */
export async function displace(
  trx: Transaction<Database>,
  policy: SessionPolicy,
  session: store.NewSession,
): Promise<SessionId[]> {
  const others = (await store.listUnended(trx, session.userId)).filter(
    ({ sessionId }) => sessionId !== session.sessionId,
  )
  const displaced = others.filter(
    (other, i) =>
      other.deviceId === session.deviceId ||
      policy === 'single' ||
      (policy === 'one-per-platform' && other.platform === session.platform) ||
      i <= others.length - maxSessionsPerUser,
  )
  return store.endSessions(
    trx,
    displaced.map(({ sessionId }) => sessionId),
    { reason: 'replaced', by: session.sessionId },
  )
}

/** Tells the displaced who took their place, from where and when. */
export async function announceReplaced(
  ctx: Pick<Context, 'announcer' | 'log'>,
  sessionIds: SessionId[],
  { deviceId, platform, address }: store.NewSession,
): Promise<void> {
  const by = { deviceId, platform, ...(address ? { address } : {}), at: new Date().toISOString() }
  await announceEnd(ctx, sessionIds, { reason: 'replaced', by })
}
