import type { AppError } from '@parley/shared/errors'
import type { SessionId } from '@parley/shared/ids'
import type { EndReason, Replacement } from '@parley/shared/realtime'
import type { EndedSession } from '@parley/shared/rpc'
import type { Context } from '../context.ts'
import { accountSuspended, sessionEnded, sessionReplaced } from '../errors.ts'
import * as store from './store.ts'

/** Those of the sessions that are not alive, with the reason; one that is not known counts as revoked. */
export async function findEnded(
  { db }: Pick<Context, 'db'>,
  sessionIds: SessionId[],
): Promise<EndedSession[]> {
  if (sessionIds.length === 0) return []
  const standings = new Map((await store.listStandings(db, sessionIds)).map((row) => [row.sessionId, row]))
  return sessionIds.flatMap((sessionId) => {
    const standing = standings.get(sessionId)
    if (standing && standing.endedAt === null && standing.expiresAt > new Date()) return []
    return [{ sessionId, reason: 'revoked' as const, ...(standing ? endOf(standing) : {}) }]
  })
}

type Standing = Awaited<ReturnType<typeof store.listStandings>>[number]

function endOf(standing: Standing): { reason: EndReason; by?: Replacement } {
  if (standing.suspendedAt) return { reason: 'suspended' }
  const { byDeviceId: deviceId, byPlatform: platform, byAddress: address, endedAt } = standing
  if (standing.endReason !== 'replaced' || !deviceId || !platform || !endedAt) return { reason: 'revoked' }
  return {
    reason: 'replaced',
    by: { deviceId, platform, ...(address ? { address } : {}), at: endedAt.toISOString() },
  }
}

/** What somebody is told whose session is not alive. */
export function refusalOf(reason: EndReason): AppError {
  switch (reason) {
    case 'replaced':
      return sessionReplaced()
    case 'suspended':
      return accountSuspended()
    case 'revoked':
      return sessionEnded()
  }
}
