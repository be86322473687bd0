import { randomUUID } from 'node:crypto'
import type { PushTarget } from '@parley/shared/delivery'
import type { ConversationId, DeviceId, UserId } from '@parley/shared/ids'
import type { Context } from '../context.ts'
import { send } from '../notify/push-delivery.ts'
import type { TraceStep, Verdict } from '../providers/provider.ts'
import { tokenHash } from '../providers/token-hash.ts'

export interface TestPush {
  userId: UserId
  deviceId?: DeviceId | undefined
  title: string
  body: string
}

/** What happened to a test push, binding by binding, in the order it happened. */
export interface TestedBinding {
  deviceId: string
  platform: string
  binding: {
    kind: string
    tokenHash: string
    topic?: string | undefined
    environment: string
    updatedAt: string
  }
  /** `calls-alone`: alerts never go to it. `older`: the device has a newer token, and alerts go to that. */
  decision: 'send' | 'calls-alone' | 'older'
  steps: TraceStep[]
  result?: Verdict['result']
  reason?: string
  providerId?: string
  tookMs?: number
}

type TestContext = Pick<Context, 'messages' | 'providers' | 'log'>

/**
 * Sends an alert to a user's devices, or to one of them, as a message would be, and says what happened on the way.
 * Neither quiet hours nor levels keep it back, and a token it finds dead is left bound: it is a question, not a
 * message.
 */
export async function testPush(ctx: TestContext, test: TestPush): Promise<TestedBinding[]> {
  const { userId, deviceId } = test
  const { targets } = await ctx.messages.call('push-tokens/list', userId, { userId, deviceId })
  const newest = new Map<string, PushTarget>()
  for (const target of targets) {
    if (target.token.kind !== 'apns-voip' && !newest.has(target.deviceId)) newest.set(target.deviceId, target)
  }
  const tested: TestedBinding[] = []
  for (const target of targets) {
    const chosen = newest.get(target.deviceId) === target
    const keptBack = target.token.kind === 'apns-voip' ? 'calls-alone' : 'older'
    tested.push(chosen ? await sendTo(ctx, target, test) : describe(target, keptBack))
  }
  return tested
}

async function sendTo(
  ctx: TestContext,
  target: PushTarget,
  { title, body }: TestPush,
): Promise<TestedBinding> {
  const tested = describe(target, 'send')
  const startedAt = Date.now()
  const messageId = `test.${randomUUID()}`
  const verdict = await send(
    ctx,
    ctx.providers.for(target.token.kind),
    {
      kind: 'alert',
      id: randomUUID(),
      conversationId: 'test' as ConversationId,
      deviceId: target.deviceId,
      token: target.token,
      badge: target.badge,
      alert: { messageId, seq: 0, title, body, sentAt: new Date().toISOString(), audible: true },
    },
    (step) => tested.steps.push(step),
  )
  const { result } = verdict
  return {
    ...tested,
    result,
    ...('reason' in verdict ? { reason: verdict.reason } : {}),
    ...(verdict.result === 'accepted' && verdict.providerId ? { providerId: verdict.providerId } : {}),
    tookMs: Date.now() - startedAt,
  }
}

function describe(
  { deviceId, platform, token }: PushTarget,
  decision: TestedBinding['decision'],
): TestedBinding {
  const { kind, value, topic, environment, updatedAt } = token
  const binding = { kind, tokenHash: tokenHash(value), topic, environment, updatedAt }
  return { deviceId, platform, binding, decision, steps: [] }
}
