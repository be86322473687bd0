import type { DeadToken, PushTarget } from '@parley/shared/delivery'
import { uuidFrom } from '@parley/shared/ids'
import { type JobInHand, RetryLater } from '@parley/shared/jobs'
import type { callPush } from '@parley/shared/queues'
import { listRung } from '@parley/shared/ringing'
import type { z } from 'zod'
import type { Context } from '../context.ts'
import { forEachAtMost } from '../notify/for-each-at-most.ts'
import { type Ledger, type LedgerEntry, openLedger } from '../notify/ledger.ts'
import { send } from '../notify/push-delivery.ts'
import type { Verdict } from '../providers/provider.ts'
import { tokenHash } from '../providers/token-hash.ts'

type CallPushData = z.output<typeof callPush.data>
type CallContext = Pick<Context, 'redis' | 'messages' | 'callProviders' | 'metrics' | 'log'>

const devicesAtOnce = 256
const retryMs = 400

/**
 * Rings devices for a call that still rings, or stops those that were rung. A device is rung once and stopped
 * once, whatever is tried again, and nothing is sent once the call has rung out: a phone that gets such a push
 * late would ring for nobody. Only a device that was rung is stopped, because on iOS every VoIP push must show
 * a call (Apple, "Responding to VoIP Notifications from PushKit").
 */
export async function pushCall(ctx: CallContext, data: CallPushData, job: JobInHand): Promise<void> {
  const { action, call } = data
  if (hasRungOut(data)) return
  const { targets } = await ctx.messages.call('calls/targets', call.callId, { userIds: data.userIds })
  const devices = targets.filter((device) => !wasTold(data, device))
  const ledger = openLedger(ctx.redis, `call:${call.callId}`, job.claim)
  const chosen = action === 'ring' ? await ringing(ctx, data, devices) : await rung(ledger, data, devices)
  const entries = await ledger.take(chosen.due.map((device) => pushId(data, device)))
  const dead: DeadToken[] = []
  let { open } = chosen

  await forEachAtMost(devicesAtOnce, chosen.due, async (device) => {
    const id = pushId(data, device)
    if (!isOurs(entries.get(id)) || hasRungOut(data)) return
    const verdict = await sendTo(ctx, data, device, id)
    if (verdict.result === 'dropped-token') dead.push(deadTokenOf(device, verdict.since))
    const hash = tokenHash(device.token.value)
    if (verdict.result !== 'retry') ledger.settle(id, { result: verdict.result, tokenHash: hash })
    else if (job.lastAttempt) {
      // What may have arrived rings, and will have to be stopped.
      ledger.settle(id, { result: verdict.maybeShown ? 'accepted' : 'refused', tokenHash: hash })
    } else {
      open = true
      ledger.hold(id, { attempts: job.attempt, notBefore: 0, reason: verdict.reason, maybeShown: false })
    }
  })
  await ledger.flush()
  if (dead.length > 0) await ctx.messages.call('push-tokens/forget', call.callId, { tokens: dead })
  if (open && !job.lastAttempt && !hasRungOut(data)) {
    throw new RetryLater('some devices are still open', retryMs)
  }
}

const hasRungOut = ({ call }: CallPushData) => Date.parse(call.ringUntil) <= Date.now()

// A device id is its user's alone: two people may have chosen the same.
const wasTold = ({ except }: CallPushData, { userId, deviceId }: PushTarget) =>
  except.some((told) => told.userId === userId && told.deviceId === deviceId)

/** Stable for call, device and action: the `apns-id`, and the name of the push in the ledger. */
const pushId = ({ call, action }: CallPushData, { userId, deviceId }: PushTarget, of = action) =>
  uuidFrom(call.callId, userId, deviceId, of)

interface Chosen {
  due: PushTarget[]
  /** Of others it is not known yet. */
  open: boolean
}

/** The devices of users for whom it still rings. Asked last, right before they are rung. */
async function ringing(
  { redis }: CallContext,
  { call, userIds }: CallPushData,
  devices: PushTarget[],
): Promise<Chosen> {
  const users = new Set(await listRung(redis, call.callId, userIds))
  return { due: devices.filter(({ userId }) => users.has(userId)), open: false }
}

/** The devices that were rung, or may have been. Those that were not are not rung any more after this. */
async function rung(ledger: Ledger, data: CallPushData, devices: PushTarget[]): Promise<Chosen> {
  const entries = await ledger.take(devices.map((device) => pushId(data, device, 'ring')))
  const stateOf = (device: PushTarget) => entries.get(pushId(data, device, 'ring'))
  for (const [id, { kind }] of entries) {
    if (kind === 'ours') ledger.settle(id, { result: 'refused', reason: 'stopped' })
  }
  return {
    due: devices.filter((device) => {
      const state = stateOf(device)
      return state?.kind === 'settled' && state.settled.result === 'accepted'
    }),
    // One that is being rung in this moment is stopped when that is done.
    open: devices.some((device) => stateOf(device)?.kind === 'elsewhere'),
  }
}

/** What may have arrived is sent again: it names the same call, which a phone rings for once. */
function isOurs(entry: LedgerEntry | undefined): boolean {
  return entry?.kind === 'ours' || entry?.kind === 'again'
}

async function sendTo(
  ctx: CallContext,
  { action, call }: CallPushData,
  { userId, deviceId, token }: PushTarget,
  id: string,
): Promise<Verdict> {
  const provider = ctx.callProviders.for(token.kind)
  const verdict = await send(ctx, provider, { kind: 'call', action, call, id, deviceId, token })
  ctx.metrics.called(provider.name, action, verdict, call.startedAt)
  const { callId } = call
  const { result } = verdict
  const reason = 'reason' in verdict ? verdict.reason : undefined
  ctx.log.info({ callId, userId, deviceId, provider: provider.name, action, result, reason }, 'call push')
  return verdict
}

function deadTokenOf({ userId, deviceId, token }: PushTarget, since: string): DeadToken {
  return { userId, deviceId, kind: token.kind, value: token.value, since }
}
