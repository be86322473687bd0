import { createSecureContext, rootCertificates } from 'node:tls'
import type { Logger } from 'pino'
import { reconnectDelayMs } from './backoff.ts'
import { createPending, type Pending } from './pending.ts'
import type { ConnectionPolicy } from './policy.ts'
import type { Http2Request, Http2Result } from './request.ts'
import { openSession, type Session } from './session.ts'

export type ConnectionEvent = 'opened' | 'goaway' | 'failed'

export interface Http2ClientOptions {
  /** `https://host[:port]`. */
  origin: string
  /** PEM of an authority to trust beside the usual ones. */
  ca?: string | undefined
  policy: ConnectionPolicy
  log: Logger
  /** Counts what happens to connections. */
  count?: (event: ConnectionEvent) => void
  /** Keeps a connection open also when there is nothing to send: the first request need not wait for one. */
  warm?: boolean | undefined
}

const maxReplays = 8
const failuresUntilUnreachable = 3
const closeLimitMs = 1_000

/**
 * Requests to one origin over few connections. It repeats only what was certainly not processed (a refused
 * stream, a stream above GOAWAY's last); everything else is for the caller to judge. Never rejects.
 */
export function createHttp2Client({
  origin,
  ca,
  policy,
  log,
  count = () => {},
  warm = false,
}: Http2ClientOptions) {
  const secureContext = ca ? createSecureContext({ ca: [...rootCertificates, ca] }) : undefined
  const sessions = new Set<Session>()
  const pending = createPending(policy)
  let opened = 0
  let failures = 0
  let retryTimer: NodeJS.Timeout | undefined
  let closing = false
  let active = 0
  let drained: PromiseWithResolvers<void> | undefined

  function send(request: Http2Request): Promise<Http2Result> {
    if (closing) return Promise.resolve({ kind: 'unsent', reason: 'closed' })
    if (isUnreachable()) return Promise.resolve({ kind: 'unsent', reason: 'unreachable' })
    active++
    return new Promise<Http2Result>((settle) => {
      function resolve(result: Http2Result): void {
        if (--active === 0) drained?.resolve()
        settle(result)
      }
      pending.add({ request, resolve, replays: 0, expiresAt: Date.now() + policy.pendingTimeoutMs })
      dispatch()
    })
  }

  const isUnreachable = () => failures >= failuresUntilUnreachable && retryTimer !== undefined

  function dispatch(): void {
    while (pending.size > 0) {
      const session = freest()
      if (!session) return open()
      const next = pending.take()
      if (next) void runOn(session, next)
    }
    if (warm && sessions.size === 0 && !closing) open()
  }

  function freest(): Session | undefined {
    for (const session of sessions) if (session.free > 0) return session
    return undefined
  }

  async function runOn(session: Session, item: Pending): Promise<void> {
    try {
      const result = await session.run(item.request, policy.requestTimeoutMs)
      if (result.kind === 'answered') {
        failures = 0
        item.resolve({ ...result, connection: session.number })
      } else if (result.kind === 'unknown') item.resolve(result)
      else if (isUnreachable()) item.resolve({ kind: 'unsent', reason: 'unreachable' })
      else if (++item.replays > maxReplays) item.resolve({ kind: 'unsent', reason: 'refused' })
      else pending.putBack(item)
    } catch (err) {
      log.error({ err, origin }, 'a request cannot be put into frames')
      item.resolve({ kind: 'unsent', reason: 'invalid' })
    }
    dispatch()
  }

  function open(): void {
    const live = [...sessions].filter(({ state }) => state !== 'retired')
    // One that is still finding out how much it may carry is waited for.
    if (retryTimer || live.length >= policy.maxConnections) return
    if (live.some(({ state }) => state !== 'open')) return
    const session = openSession({
      origin,
      secureContext,
      policy,
      number: ++opened,
      changed: dispatch,
      goneAway(code, text) {
        count('goaway')
        log.info({ origin, code, text }, 'connection is being closed by the provider')
      },
      failed,
      closed() {
        sessions.delete(session)
        dispatch()
      },
    })
    sessions.add(session)
    count('opened')
  }

  function failed(cause: Error | undefined): void {
    failures++
    count('failed')
    log.warn({ err: cause, origin, failures }, 'connection was of no use')
    if (failures >= failuresUntilUnreachable) pending.failAll('unreachable')
    retryTimer ??= setTimeout(() => {
      retryTimer = undefined
      dispatch()
    }, reconnectDelayMs(failures))
  }

  dispatch()
  return {
    send,
    /** Takes a connection out of use, as when a credential shown on it has gone bad. Its streams finish. */
    retire(connection: number): void {
      for (const session of sessions) if (session.number === connection) session.retire()
    },
    /** Waits for what was handed in, each bounded by its own time, then closes. */
    async [Symbol.asyncDispose](): Promise<void> {
      closing = true
      drained = Promise.withResolvers<void>()
      if (active > 0) await drained.promise
      pending[Symbol.dispose]()
      for (const session of sessions) session.retire()
      const deadline = setTimeout(() => {
        for (const session of sessions) session.cut()
      }, closeLimitMs)
      await Promise.all([...sessions].map((session) => session.ended))
      clearTimeout(deadline)
      clearTimeout(retryTimer)
    },
  }
}

export type Http2Client = ReturnType<typeof createHttp2Client>
