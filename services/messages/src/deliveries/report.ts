import type { ConversationId } from '@parley/shared/ids'
import type { PushOutcome } from '@parley/shared/rpc'
import type { Context } from '../context.ts'
import { forgetPushToken } from '../devices/store.ts'
import * as store from './store.ts'

/**
 * What became of pushes. A user counts as told up to the last entry for which no device is still to be tried;
 * tokens that the provider called dead are forgotten.
 */
export async function reportOutcomes(
  { db }: Pick<Context, 'db'>,
  conversationId: ConversationId,
  outcomes: PushOutcome[],
): Promise<void> {
  for (const { userId, deviceId, kind, deadToken } of outcomes) {
    if (!deadToken) continue
    const since = deadToken.since === undefined ? undefined : new Date(deadToken.since)
    await forgetPushToken(db, { userId, deviceId, kind, token: deadToken.value, since })
  }
  const marks = [...Map.groupBy(outcomes, ({ userId }) => userId)].flatMap(([userId, ofUser]) => {
    const open = ofUser.filter(({ result }) => result === 'retry').map(({ seq }) => seq)
    const settled = ofUser.map(({ seq }) => seq).filter((seq) => seq < Math.min(Infinity, ...open))
    return settled.length > 0 ? [{ userId, seq: Math.max(...settled) }] : []
  })
  if (marks.length > 0) await store.advanceNotified(db, conversationId, marks)
}
