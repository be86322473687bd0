import { isIP } from 'node:net'
import { connect as connectTls, type SecureContext, type TLSSocket } from 'node:tls'
import { openConnection } from './connection.ts'
import { type Exchange, exchange } from './exchange.ts'
import { watchIdle } from './idle-watch.ts'
import type { ConnectionPolicy } from './policy.ts'
import type { Http2Request } from './request.ts'

export interface SessionOptions {
  origin: string
  secureContext: SecureContext | undefined
  policy: ConnectionPolicy
  number: number
  /** Streams may have become free. */
  changed: () => void
  /** The peer said goodbye, with the text it gave. */
  goneAway: (code: number, text: string) => void
  /** The peer ends it, and has neither answered anything nor stood ready for a while. Comes before `closed`. */
  failed: (cause: Error | undefined) => void
  /** The connection is over. */
  closed: () => void
}

/** Waiting for SETTINGS; one stream until its answer; as many as allowed; none any more. */
type State = 'connecting' | 'priming' | 'open' | 'retired'

const maxSilentTimeouts = 3
const farewellMs = 2_000
/** A peer that says no more than SETTINGS before it says goodbye is not there to be asked again at once. */
const ofUseAfterMs = 5_000

/**
 * One connection. The number of streams a provider allows is not known before its SETTINGS arrive, and APNs
 * raises it from 1 only after the first authorised request: so nothing is sent before them, and one request
 * goes ahead of the others.
 */
export function openSession(options: SessionOptions) {
  const { origin, policy, number } = options
  let state = 'connecting' as State
  let inFlight = 0
  /** Since when it stands ready and nothing was asked of it. */
  let readyAt: number | undefined
  let hasAnswered = false
  let isJudged = false
  // After REFUSED_STREAM nothing more is sent until an answer shows that the peer takes on work again.
  let held = false
  let silentTimeouts = 0
  const ended = Promise.withResolvers<void>()

  const socket = openSocket(origin, options.secureContext)
  const connection = openConnection(socket, {
    authority: new URL(origin).host,
    settings() {
      clearTimeout(connectTimer)
      if (state === 'connecting') {
        state = 'priming'
        readyAt = Date.now()
      }
      options.changed()
    },
    goneAway(code, text) {
      enterRetired()
      // Those whose answer it promises are waited for.
      if (inFlight === 0) failIfUseless()
      options.goneAway(code, text)
    },
    closed(cause) {
      state = 'retired'
      clearTimeout(connectTimer)
      clearTimeout(farewell)
      idle[Symbol.dispose]()
      failIfUseless(cause)
      options.closed()
      ended.resolve()
    },
  })
  const idle = watchIdle(connection, {
    ...policy,
    isIdle: () => inFlight === 0 && state !== 'connecting',
    expired: retire,
    dead: () => connection.destroy(new Error('a ping was not answered')),
  })
  const connectTimer = setTimeout(
    () => connection.destroy(new Error('no SETTINGS in time')),
    policy.connectTimeoutMs,
  )
  let farewell: NodeJS.Timeout | undefined

  async function run(request: Http2Request, timeoutMs: number): Promise<Exchange> {
    // It may have closed since it was chosen; then nothing was sent.
    if (!connection.isOpen) return { kind: 'unprocessed' }
    inFlight++
    if (state === 'priming') readyAt = undefined
    try {
      const result = await exchange(connection, request, { timeoutMs, released })
      learn(result)
      return result
    } catch (cause) {
      inFlight--
      throw cause
    }
  }

  function released(): void {
    inFlight--
    idle.touch()
  }

  function learn(result: Exchange): void {
    if (result.kind === 'answered') {
      hasAnswered = true
      held = false
      silentTimeouts = 0
      if (state === 'priming') state = 'open'
      return
    }
    if (result.kind === 'unprocessed') held = true
    // Nothing was answered in all that time: the path is gone, or the peer is.
    else if (state === 'priming' || (result.reason === 'timeout' && ++silentTimeouts >= maxSilentTimeouts)) {
      retire()
    }
    retireIfHeld()
  }

  function failIfUseless(cause?: Error): void {
    const stoodReady = readyAt !== undefined && Date.now() - readyAt >= ofUseAfterMs
    if (isJudged || hasAnswered || stoodReady) return
    isJudged = true
    options.failed(cause)
  }

  // No answer can come any more that would lift it.
  function retireIfHeld(): void {
    if (held && inFlight === 0) retire()
  }

  /** No new streams; those in flight finish, and then the connection closes. */
  function retire(): void {
    // Nothing is wrong with one that we do not need.
    if (readyAt !== undefined) isJudged = true
    enterRetired()
    connection.close()
  }

  // Every stream has ended by then, and a peer that does not hang up must not keep the socket.
  function enterRetired(): void {
    state = 'retired'
    farewell ??= setTimeout(() => socket.destroy(), policy.requestTimeoutMs + farewellMs)
  }

  return {
    number,
    get state(): State {
      return state
    },
    /** How many streams may start at this moment. */
    get free(): number {
      // Asked, not remembered: the peer may have closed it in this very tick.
      if (!connection.isOpen || held) return 0
      const limit = Math.min(connection.maxStreams ?? policy.maxStreams, policy.maxStreams)
      if (state === 'priming') return inFlight === 0 && limit > 0 ? 1 : 0
      return state === 'open' ? Math.max(0, limit - inFlight) : 0
    },
    /** Resolves when the connection is closed. */
    ended: ended.promise,
    run,
    retire,
    /** Cuts the connection; what is in flight becomes unknown. */
    cut: () => void socket.destroy(),
  }
}

function openSocket(origin: string, secureContext: SecureContext | undefined): TLSSocket {
  const { hostname, port } = new URL(origin)
  return connectTls({
    host: hostname,
    port: port === '' ? 443 : Number(port),
    ALPNProtocols: ['h2'],
    ...(isIP(hostname) ? {} : { servername: hostname }),
    ...(secureContext ? { secureContext } : {}),
  })
}

export type Session = ReturnType<typeof openSession>
