import { AppError } from '@parley/shared/errors'
import type { Logger } from 'pino'
import type { SharedToken } from '../credentials/shared-token.ts'
import type { Http2Answer, Http2Result } from '../http2/request.ts'
import type { Action, Reading } from './action.ts'
import { createDropBreaker } from './drop-breaker.ts'
import { createPause } from './pause.ts'
import type { Push, SendPush, Verdict } from './provider.ts'
import { retryAfterMs } from './retry-after.ts'
import { createSilence } from './silence.ts'
import { tokenHash } from './token-hash.ts'
import { verdictUnanswered } from './unanswered.ts'

/** What takes a request to a provider and brings the answer. Never rejects. */
export interface Transport<Request> {
  send(request: Request): Promise<Http2Result>
  /** Takes a connection out of use. */
  retire?(connection: number): void
}

/** What makes a provider: its format, and what its answers mean. The rest is the same for all. */
export interface Dialect<Request> {
  /** A push that no request can be made of is judged without asking. */
  check?(push: Push): Verdict | undefined
  /** `authorization` is empty for a provider without a shared one. */
  compose(push: Push, authorization: string): Request | Promise<Request>
  /** Whom it asks, where one set of credentials is for several. */
  peerOf?(push: Push): string
  read(answer: Http2Answer): Reading
}

interface SenderOptions<Request> {
  dialect: Dialect<Request>
  transport: Transport<Request>
  /** Kept for all workers together; absent if the dialect authorizes each request by itself. */
  authorization?: SharedToken
  log: Logger
  /** Told each time the credentials are refused as a whole. */
  refused: () => void
}

const breakerRestMs = 60_000
const askAgainAfter = (silentMs: number): number => Math.min(Math.max(silentMs, 5_000), 60_000)

/**
 * Sends with one set of credentials: authorizes, sends, judges the answer, and sends once more what only a stale
 * authorization or connection stood in the way of. It keeps the rest a provider asks for, a breaker for
 * tokens, and who has fallen silent; sets share none of it.
 */
export function createSender<Request>({
  dialect,
  transport,
  authorization,
  log,
  refused,
}: SenderOptions<Request>): SendPush {
  const pause = createPause()
  const breaker = createDropBreaker()
  const silence = createSilence()

  function judge(
    push: Push,
    {
      answer,
      reason,
      action,
      askedAt,
    }: { answer: Http2Answer; reason: string; action: Action; askedAt: Date },
  ): Verdict {
    switch (action.class) {
      case 'drop':
        return judgeDrop(push, { reason, action, askedAt })
      case 'retry': {
        const afterMs = retryAfterMs(headerOf(answer, 'retry-after')) ?? action.afterMs
        if (action.newConnection) transport.retire?.(answer.connection)
        if (action.pause && afterMs !== undefined) pause.restFor(afterMs)
        return { result: 'retry', reason, ...(afterMs === undefined ? {} : { afterMs }) }
      }
      case 'renew':
      case 'stop': {
        // Renewing has not helped, so it is the credentials or the clock.
        if (action.class === 'renew' || action.pause) strike(reason)
        const { status } = answer
        log.error({ status, reason, tokenHash: tokenHash(push.token.value) }, 'push refused for good')
        return { result: 'refused', reason }
      }
    }
  }

  /**
   * A token registered after the provider learned that it is dead is alive, and the provider's knowledge is about
   * to follow: so it is tried again and not dropped.
   */
  function judgeDrop(
    push: Push,
    { reason, action, askedAt }: { reason: string; action: Action & { class: 'drop' }; askedAt: Date },
  ): Verdict {
    if (action.maybeOurs && !breaker.mayDrop()) {
      return { result: 'retry', reason: 'too-many-dropped', afterMs: breakerRestMs }
    }
    if (action.since && action.since.getTime() <= Date.parse(push.token.updatedAt)) {
      return { result: 'retry', reason: 'stale-unregistered' }
    }
    return { result: 'dropped-token', reason, since: (action.since ?? askedAt).toISOString() }
  }

  /** Nothing is sent with these credentials for a while. */
  function strike(reason: string): void {
    pause.strike()
    refused()
    log.error({ reason, restMs: pause.remainingMs() }, 'credentials are refused')
  }

  async function authorize(): Promise<string | undefined> {
    try {
      return (await authorization?.get()) ?? ''
    } catch (err) {
      if (!(err instanceof AppError)) throw err
      strike(err.message)
      return undefined
    }
  }

  return async (push, trace = () => {}) => {
    const unfit = dialect.check?.(push)
    if (unfit) return unfit
    const restMs = pause.remainingMs()
    if (restMs > 0) return { result: 'retry', reason: 'paused', afterMs: restMs }
    const peer = dialect.peerOf?.(push) ?? ''
    const silentMs = silence.silentMs(peer)
    if (silentMs > 0)
      return { result: 'retry', reason: 'silent', afterMs: askAgainAfter(silentMs), untried: true }
    using listening = silence.listen(peer)

    const first = await authorize()
    if (first === undefined) {
      return { result: 'retry', reason: 'unavailable', afterMs: pause.remainingMs() }
    }
    let token = first
    for (let renewed = false; ; renewed = true) {
      const askedAt = new Date()
      const answer = await transport.send(await dialect.compose(push, token))
      if (answer.kind !== 'answered') {
        trace({ step: 'unanswered', kind: answer.kind, reason: answer.reason })
        return verdictUnanswered(answer)
      }
      listening.heard()
      const reading = dialect.read(answer)
      trace({ step: 'answered', status: answer.status, ...describe(reading) })
      if (reading.result === 'accepted') {
        pause.accepted()
        breaker.accepted()
        return reading
      }
      const { reason, action } = reading
      const refusal = { answer, reason, action, askedAt }
      if (action.class !== 'renew' || renewed) return judge(push, refusal)
      if (action.newConnection) transport.retire?.(answer.connection)
      const next: string | undefined = action.authorization ? await authorization?.replace(token) : token
      if (next === undefined) return judge(push, refusal)
      token = next
    }
  }
}

export function headerOf({ headers }: Http2Answer, name: string): string | undefined {
  const value = headers[name]
  return typeof value === 'string' ? value : undefined
}

function describe(reading: Reading) {
  if (reading.result === 'accepted') return { providerId: reading.providerId }
  return { reason: reading.reason, action: reading.action.class }
}
