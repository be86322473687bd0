import type { DeadToken, PushTarget } from '@parley/shared/delivery'
import { uuidFrom } from '@parley/shared/ids'
import { type JobInHand, RetryLater } from '@parley/shared/jobs'
import type { callPush } from '@parley/shared/queues'
import { listRung } from '@parley/shared/ringing'
import type { z } from 'zod'
import type { Context } from '../context.ts'
import { forEachAtMost } from '../notify/for-each-at-most.ts'
import { type Held, type Ledger, type LedgerEntry, openLedger, type Settled } from '../notify/ledger.ts'
import { mayHaveArrived, send } from '../notify/push-delivery.ts'
import { isUntried, type Verdict } from '../providers/provider.ts'
import { tokenHash } from '../providers/token-hash.ts'

type CallPushData = z.output<typeof callPush.data>
type CallContext = Pick<Context, 'redis' | 'callMessages' | 'callProviders' | 'metrics' | 'log'>

const devicesAtOnce = 256
const retryMs = 400
const longestRetryMs = 2_000
/** A call that was not heard of in seconds is over. A stop is worth trying for as long as it rings. */
const ringTries = 3

/**
 * Rings devices for a call that still rings, or stops those that were rung. A device is rung once and stopped
 * once, whatever is tried again, and nothing is sent once the call has rung out: a phone that gets such a push
 * late would ring for nobody. Only a device that may have been rung is stopped, because on iOS every VoIP push must
 * show a call (Apple, "Responding to VoIP Notifications from PushKit").
 */
export async function pushCall(ctx: CallContext, data: CallPushData, job: JobInHand): Promise<void> {
  const { action, call } = data
  if (hasRungOut(data)) return
  const { targets } = await ctx.callMessages.call('calls/targets', call.callId, { userIds: data.userIds })
  const devices = targets.filter((device) => !wasTold(data, device))
  const ledger = openLedger(ctx.redis, `call:${call.callId}`, job.claim)
  const chosen = await (action === 'ring'
    ? toRing(ctx, ledger, data, devices)
    : toStop(ledger, data, devices))
  const dead: DeadToken[] = []
  let { open } = chosen

  await forEachAtMost(devicesAtOnce, chosen.due, async (device) => {
    const id = pushId(data, device)
    const held = heldOf(chosen.entries.get(id))
    if (!held || hasRungOut(data)) return
    const verdict = await sendTo(ctx, data, device, id)
    if (verdict.result === 'dropped-token') dead.push(deadTokenOf(device, verdict.since))
    const attempts = held.attempts + (isUntried(verdict) ? 0 : 1)
    const maybeShown = held.maybeShown || mayHaveArrived(verdict)
    const mayTryAgain = !job.lastAttempt && (action === 'stop' || attempts < ringTries)
    if (verdict.result === 'retry' && mayTryAgain) {
      open = true
      ledger.hold(id, { attempts, notBefore: 0, reason: verdict.reason, maybeShown })
    } else ledger.settle(id, settledOf(verdict, maybeShown, device))
  })
  await ledger.flush()
  if (dead.length > 0) await ctx.callMessages.call('push-tokens/forget', call.callId, { tokens: dead })
  if (open && !job.lastAttempt && !hasRungOut(data)) {
    throw new RetryLater('some devices are still open', Math.min(retryMs * job.attempt, longestRetryMs))
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
  /** Of those that are due, by push id. */
  entries: Map<string, LedgerEntry>
  /** Of others it is not known yet. */
  open: boolean
}

/**
 * The devices of users for whom it still rings, as asked last, right before they are rung. What an earlier run held of
 * the others is ended: whoever stops the call waits for that.
 */
async function toRing(
  { redis }: CallContext,
  ledger: Ledger,
  data: CallPushData,
  devices: PushTarget[],
): Promise<Chosen> {
  const entries = await ledger.take(devices.map((device) => pushId(data, device)))
  const users = new Set(await listRung(redis, data.call.callId, data.userIds))
  for (const device of devices) {
    const id = pushId(data, device)
    const held = heldOf(entries.get(id))
    if (held && !users.has(device.userId)) ledger.settle(id, notRungAgain(held))
  }
  return { due: devices.filter(({ userId }) => users.has(userId)), entries, open: false }
}

/** The devices that were rung, or may have been. Those that were not are not rung any more after this. */
async function toStop(ledger: Ledger, data: CallPushData, devices: PushTarget[]): Promise<Chosen> {
  const rings = await ledger.take(devices.map((device) => pushId(data, device, 'ring')))
  const stateOf = (device: PushTarget) => rings.get(pushId(data, device, 'ring'))
  for (const [id, { kind }] of rings) {
    if (kind === 'ours') ledger.settle(id, notRungAgain(neverTried))
  }
  const due = devices.filter((device) => {
    const state = stateOf(device)
    return state?.kind === 'settled' && state.settled.result === 'accepted'
  })
  return {
    due,
    entries: await ledger.take(due.map((device) => pushId(data, device))),
    // One that is being rung in this moment, or is to be tried again, is stopped when that is done.
    open: devices.some((device) => stateOf(device)?.kind === 'elsewhere'),
  }
}

const neverTried: Held = { attempts: 0, notBefore: 0, reason: '', maybeShown: false }

/** What may have arrived is sent again: it names the same call, which a phone rings for once. */
function heldOf(entry: LedgerEntry | undefined): Held | undefined {
  if (entry?.kind === 'again') return entry.held
  return entry?.kind === 'ours' ? neverTried : undefined
}

const notRungAgain = ({ maybeShown }: Held): Settled =>
  maybeShown ? { result: 'accepted' } : { result: 'refused', reason: 'stopped' }

/** What may have arrived rings, whatever came of trying it again, and will have to be stopped. */
function settledOf({ result }: Verdict, maybeShown: boolean, { token }: PushTarget): Settled {
  if (maybeShown) return { result: 'accepted' }
  return { result: result === 'retry' ? 'refused' : result, tokenHash: tokenHash(token.value) }
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
