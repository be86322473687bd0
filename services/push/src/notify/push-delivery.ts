import { AppError } from '@parley/shared/errors'
import { type ConversationId, uuidFrom } from '@parley/shared/ids'
import type { Delivery, PushOutcome } from '@parley/shared/rpc'
import type { Context } from '../context.ts'
import type { AlertPush, PushProvider, Verdict } from '../providers/provider.ts'
import { tokenHash } from '../providers/token-hash.ts'
import type { Ledger, LedgerEntry, Settled } from './ledger.ts'

export interface DeliveryResult {
  /** One for each alert, also those settled before, so that a report says all there is to say of a user. */
  outcomes: PushOutcome[]
  /** Set if this job has to try some of it again, no sooner than after so long. */
  retryAfterMs?: number
}

interface PushDeliveryOptions {
  conversationId: ConversationId
  delivery: Delivery
  ledger: Ledger
  /** The ids of its pushes, one for each alert. */
  ids: readonly string[]
  entries: ReadonlyMap<string, LedgerEntry>
  lastAttempt: boolean
}

/** Stable for message and device: the `apns-id`, and the name of the push in the ledger. */
export function pushIds({ alerts, deviceId }: Delivery): string[] {
  return alerts.map(({ messageId }) => uuidFrom(messageId, deviceId))
}

/**
 * Sends one device its alerts, oldest first and one after the other, so that they arrive in order. A dead
 * token, or a provider that wants patience, decides the rest of them too, without asking again.
 */
export async function pushDelivery(
  ctx: Pick<Context, 'alertProviders' | 'metrics' | 'log'>,
  { conversationId, delivery, ids, ledger, entries, lastAttempt }: PushDeliveryOptions,
): Promise<DeliveryResult> {
  const provider = ctx.alertProviders[delivery.token.kind]
  if (!provider) return { outcomes: [] }
  const { deviceId, token, badge } = delivery
  const hash = tokenHash(token.value)
  const outcomes: PushOutcome[] = []
  let retryAfterMs: number | undefined
  let verdict: Verdict = { result: 'accepted' }

  for (const [i, alert] of delivery.alerts.entries()) {
    const id = ids[i] ?? ''
    const entry = entries.get(id)
    if (entry?.kind === 'elsewhere') {
      outcomes.push(outcomeOf(delivery, alert.seq, { result: 'retry', reason: 'elsewhere' }))
      continue
    }
    if (entry?.kind === 'settled' && holdsFor(entry.settled, hash)) {
      outcomes.push(outcomeOf(delivery, alert.seq, entry.settled))
      continue
    }
    if (verdict.result === 'accepted' || verdict.result === 'refused') {
      verdict = await send(ctx, provider, { id, conversationId, deviceId, token, badge, alert })
      ctx.metrics.attempted(provider.name, verdict, alert.sentAt)
    }
    const final: Settled | undefined = settledOf(verdict, hash, lastAttempt)
    if (final) ledger.settle(id, final)
    else {
      const afterMs = (verdict.result === 'retry' && verdict.afterMs) || 0
      retryAfterMs = Math.max(retryAfterMs ?? 0, afterMs)
      ledger.hold(id, afterMs)
    }
    outcomes.push(outcomeOf(delivery, alert.seq, final ?? verdict))
  }
  return { outcomes, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) }
}

/** What was accepted stays so; a failure is the old token's alone. */
function holdsFor(settled: Settled, hash: string): boolean {
  return settled.result === 'accepted' || settled.tokenHash === hash
}

async function send(
  { log }: Pick<Context, 'log'>,
  provider: PushProvider,
  push: AlertPush,
): Promise<Verdict> {
  try {
    return await provider.sendAlert(push)
  } catch (err) {
    // One push that cannot be sent must not take the others of its job with it.
    log.error({ err, provider: provider.name }, 'push could not be sent')
    const afterMs = err instanceof AppError ? err.retryAfterMs : undefined
    return { result: 'retry', reason: 'unavailable', ...(afterMs === undefined ? {} : { afterMs }) }
  }
}

function settledOf(verdict: Verdict, hash: string, lastAttempt: boolean): Settled | undefined {
  if (verdict.result !== 'retry') return { ...verdict, tokenHash: hash }
  return lastAttempt ? { result: 'refused', reason: verdict.reason, tokenHash: hash } : undefined
}

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
