import { randomUUID } from 'node:crypto'
import { deliveriesOf } from '@parley/shared/delivery'
import type { Context } from '../context.ts'
import { send } from '../notify/push-delivery.ts'
import type { DeadLetter } from './dead-letters.ts'

export interface Replayed {
  id: string
  /** `gone`: no such letter. `not-due`: the user has got, read or lost the message, or the device its token. */
  result: 'accepted' | 'dropped-token' | 'refused' | 'retry' | 'not-due' | 'gone'
  reason?: string
}

type ReplayContext = Pick<Context, 'deadLetters' | 'messages' | 'providers' | 'metrics' | 'log'>

/**
 * Sends given-up pushes again, without sound, as far as their users have still not got the message. A letter
 * stays only if it may be worth yet another try.
 */
export async function replayLetters(ctx: ReplayContext, ids: string[]): Promise<Replayed[]> {
  const letters = new Map((await ctx.deadLetters.find(ids)).map((letter) => [letter.id, letter]))
  const replayed: Replayed[] = []
  // One after the other: this is for a person who looks at what happens.
  for (const id of ids) {
    const letter = letters.get(id)
    replayed.push({ id, ...(letter ? await replay(ctx, letter) : { result: 'gone' as const }) })
  }
  const done = replayed.filter(({ result }) => result !== 'refused' && result !== 'retry')
  await ctx.deadLetters.remove(done.map(({ id }) => id))
  return replayed
}

async function replay(ctx: ReplayContext, letter: DeadLetter): Promise<Omit<Replayed, 'id'>> {
  const { conversationId, seq, userId, deviceId } = letter
  const query = { conversationId, seq, userId, deviceId }
  const [delivery] = deliveriesOf(await ctx.messages.call('deliveries/again', conversationId, query))
  const alert = delivery?.alerts[0]
  if (!delivery || !alert) return { result: 'not-due' }
  const { token, badge } = delivery
  const provider = ctx.providers.for(token.kind)
  const push = { kind: 'alert' as const, id: randomUUID(), conversationId, deviceId, token, badge, alert }
  const verdict = await send(ctx, provider, push)
  ctx.metrics.attempted(provider.name, verdict, alert.sentAt)
  const reason = 'reason' in verdict ? { reason: verdict.reason } : {}
  const providerId =
    verdict.result === 'accepted' && verdict.providerId ? { providerId: verdict.providerId } : {}
  await ctx.messages.call('deliveries/report', conversationId, {
    conversationId,
    asOf: '0',
    outcomes: [
      {
        userId,
        deviceId,
        kind: token.kind,
        seq,
        result: verdict.result,
        ...reason,
        ...(verdict.result === 'dropped-token'
          ? { deadToken: { value: token.value, since: verdict.since } }
          : {}),
        attempt: { audible: false, badge, ...providerId },
      },
    ],
  })
  return { result: verdict.result, ...reason }
}
