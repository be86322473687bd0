import type { Alert, Delivery, PushOutcome } from '@parley/shared/delivery'
import { AppError } from '@parley/shared/errors'
import { type ConversationId, uuidFrom } from '@parley/shared/ids'
import type { TraceSpan } from '@parley/shared/tracing'
import type { Context } from '../context.ts'
import { knownReason } from '../metrics.ts'
import {
  isUntried,
  type Push,
  type PushProvider,
  type TraceStep,
  type Verdict,
} from '../providers/provider.ts'
import { tokenHash } from '../providers/token-hash.ts'
import { maxAttempts, nextTryAt } from './attempts.ts'
import type { Ledger, LedgerEntry, Settled } from './ledger.ts'
import type { BeginRequest } from './trace-requests.ts'

export interface DeliveryResult {
  /** One for each alert, also those settled before, so that a report says all there is to say of a user. */
  outcomes: PushOutcome[]
  /** When this job has to try some of it again, in milliseconds since the epoch. */
  nextTryAt?: number
  /** Another job has some of it. */
  elsewhere: boolean
  /** The user has been alerted with sound by this, or may have been. */
  sounded: boolean
}

interface PushDeliveryOptions {
  conversationId: ConversationId
  delivery: Delivery
  ledger: Ledger
  entries: ReadonlyMap<string, LedgerEntry>
  /** Whether no other device of the user has sounded for these alerts. */
  maySound: boolean
  lastAttempt: boolean
  begin: BeginRequest | undefined
}

/**
 * Stable for message and device: the `apns-id`, and the name of the push in the ledger. The user belongs to it,
 * because apps choose the ids of their devices, and two members may both have a `phone`.
 */
export function pushId(
  { messageId }: Alert,
  { userId, deviceId }: Pick<Delivery, 'userId' | 'deviceId'>,
): string {
  return uuidFrom(messageId, userId, deviceId)
}

/**
 * Sends one device its alerts, oldest first and one after the other, so that they arrive in order. A dead
 * token, or a provider that wants patience, decides the rest of them too, without asking again.
 */
export async function pushDelivery(
  ctx: Pick<Context, 'providers' | 'metrics' | 'log'>,
  { conversationId, delivery, ledger, entries, maySound, lastAttempt, begin }: PushDeliveryOptions,
): Promise<DeliveryResult> {
  const { deviceId, token, badge } = delivery
  const provider = ctx.providers.for(token.kind)
  const done: DeliveryResult = { outcomes: [], elsewhere: false, sounded: false }
  let verdict: Verdict = { result: 'accepted' }

  for (const alert of delivery.alerts) {
    const id = pushId(alert, delivery)
    const entry = entries.get(id)
    if (entry?.kind === 'elsewhere') {
      done.elsewhere = true
      done.outcomes.push(outcomeOf(delivery, alert.seq, { result: 'retry', reason: 'elsewhere' }))
      continue
    }
    if (entry?.kind === 'settled' && holdsFor(entry.settled, token.value)) {
      done.outcomes.push(outcomeOf(delivery, alert.seq, entry.settled))
      continue
    }
    const held = entry?.kind === 'again' ? entry.held : undefined
    if (held && held.notBefore > Date.now() && !lastAttempt) {
      done.nextTryAt = Math.min(done.nextTryAt ?? Infinity, held.notBefore)
      verdict = { result: 'retry', reason: held.reason }
      ledger.hold(id, held)
      done.outcomes.push(outcomeOf(delivery, alert.seq, verdict))
      continue
    }
    // What may have arrived is sent again without sound: it replaces its own banner, and disturbs nobody twice.
    const audible = alert.audible && maySound && !done.sounded && !held?.maybeShown
    let attempt: PushOutcome['attempt']
    if (verdict.result === 'accepted' || verdict.result === 'refused') {
      const push = { id, conversationId, deviceId, token, badge, alert: { ...alert, audible } }
      verdict = await sendTraced(ctx, provider, { kind: 'alert', ...push }, begin?.(provider.name))
      ctx.metrics.attempted(provider.name, verdict, alert.sentAt)
      if (audible && mayHaveArrived(verdict)) done.sounded = true
      attempt = isUntried(verdict) ? undefined : attemptOf(verdict, { audible, badge })
    }
    const attempts = (held?.attempts ?? 0) + (attempt ? 1 : 0)
    const final = settledOf(verdict, token.value, lastAttempt || attempts >= maxAttempts)
    if (final) ledger.settle(id, final)
    else {
      const notBefore = nextTryAt(verdict, attempts)
      const maybeShown = held?.maybeShown === true || (attempt !== undefined && mayHaveArrived(verdict))
      done.nextTryAt = Math.min(done.nextTryAt ?? Infinity, notBefore)
      ledger.hold(id, { attempts, notBefore, reason: reasonOf(verdict), maybeShown })
    }
    done.outcomes.push({
      ...outcomeOf(delivery, alert.seq, final ?? verdict),
      ...(attempt ? { attempt } : {}),
    })
  }
  return done
}

/** What was accepted stays so; a failure is the old token's alone. */
function holdsFor(settled: Settled, token: string): boolean {
  return settled.result === 'accepted' || settled.tokenHash === tokenHash(token)
}

export function mayHaveArrived(verdict: Verdict): boolean {
  return verdict.result === 'accepted' || (verdict.result === 'retry' && verdict.maybeShown === true)
}

function attemptOf(verdict: Verdict, { audible, badge }: { audible: boolean; badge: number }) {
  const providerId = verdict.result === 'accepted' ? verdict.providerId : undefined
  return { audible, badge, ...(providerId === undefined ? {} : { providerId }) }
}

/** Hands a push to its provider, and has its span, if there is one, say what came of it. */
async function sendTraced(
  ctx: Pick<Context, 'log'>,
  provider: PushProvider,
  push: Push,
  span: TraceSpan | undefined,
): Promise<Verdict> {
  if (!span) return send(ctx, provider, push)
  const verdict = await send(ctx, provider, push, (step) => {
    if (step.step === 'answered') span.set({ 'http.response.status_code': step.status })
  })
  span.set({ 'parley.push.result': verdict.result })
  if ('reason' in verdict) span.set({ 'error.type': knownReason(verdict.reason) })
  span.end()
  return verdict
}

/** Hands a push to its provider; one that cannot be sent at all must not take the others of its job with it. */
export async function send(
  { log }: Pick<Context, 'log'>,
  provider: PushProvider,
  push: Push,
  trace?: (step: TraceStep) => void,
): Promise<Verdict> {
  try {
    return await provider.send(push, trace)
  } catch (err) {
    log.error({ err, provider: provider.name }, 'push could not be sent')
    const afterMs = err instanceof AppError ? err.retryAfterMs : undefined
    return { result: 'retry', reason: 'unavailable', ...(afterMs === undefined ? {} : { afterMs }) }
  }
}

function settledOf(verdict: Verdict, token: string, spent: boolean): Settled | undefined {
  if (verdict.result === 'accepted') return { result: 'accepted' }
  if (verdict.result !== 'retry') return { ...verdict, tokenHash: tokenHash(token) }
  return spent ? { result: 'refused', reason: verdict.reason, tokenHash: tokenHash(token) } : undefined
}

const reasonOf = (verdict: Verdict): string => (verdict.result === 'accepted' ? '' : verdict.reason)

function outcomeOf(
  { userId, deviceId, token }: Delivery,
  seq: number,
  { result, reason, since }: { result: PushOutcome['result']; reason?: string; since?: string },
): PushOutcome {
  return {
    userId,
    deviceId,
    kind: token.kind,
    seq,
    result,
    ...(reason === undefined ? {} : { reason }),
    ...(result === 'dropped-token' && since !== undefined
      ? { deadToken: { value: token.value, since } }
      : {}),
  }
}
