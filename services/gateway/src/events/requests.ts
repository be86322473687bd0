import { checkBounds } from '@parley/shared/bounds'
import { AppError } from '@parley/shared/errors'
import { createFrequentCounter, createFrequentHistogram } from '@parley/shared/frequent-metrics'
import type { Logger } from '@parley/shared/log'
import {
  type ClientEventName,
  type ClientRequest,
  clientEvents,
  closeCodes,
  type Result,
} from '@parley/shared/protocol'
import type { TraceSpan, Tracing } from '@parley/shared/tracing'
import type { Registry as Metrics } from 'prom-client'
import { z } from 'zod'
import { closeSocket } from '../connections/close-socket.ts'
import type { Registry } from '../connections/registry.ts'
import type { Rate } from '../connections/user-rates.ts'
import {
  ackRequired,
  malformed,
  onePayload,
  sessionOver,
  tokenExpired,
  tooFast,
  unknownEvent,
} from '../errors.ts'
import type { ChatSocket } from '../realtime.ts'

/** Refusals without one success between them. */
const floodAfter = 500

/** Events that have a rate of their own, beside that of all the others together. */
const ownRates: { [E in ClientEventName]?: Rate } = {
  'message:send': 'sends',
  'typing:set': 'typing',
}

/** Come often, end here or in a batch of their own, and are nobody's question. */
const untraced: ReadonlySet<string> = new Set<ClientEventName>([
  'typing:set',
  'presence:watch',
  'app:state',
  'receipt:deliver',
])

interface RequestsOptions {
  log: Logger
  metrics: Metrics
  tracing: Tracing | undefined
  registry: Registry
}

/** What a client asked, while it is being answered. */
export interface Asked<E extends ClientEventName = ClientEventName> {
  socket: ChatSocket
  /** Undefined if there is no such event. */
  event: E | undefined
  span: TraceSpan | undefined
  /** By `performance.now()`. */
  begunAt: number
}

/** What holds for every request of a client, whichever way it comes in: its checks, its refusals, its metrics and its span. */
export function createRequests({ log, metrics, tracing, registry }: RequestsOptions) {
  const seconds = createFrequentHistogram({
    name: 'parley_gateway_event_duration_seconds',
    help: 'From when a client event is taken to its answer',
    labelName: 'event',
    buckets: [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 5, 15],
    registers: metrics,
  })
  const count = createFrequentCounter({
    name: 'parley_gateway_events_total',
    help: 'Client events by outcome',
    labelNames: ['event', 'outcome'],
    registers: metrics,
  })

  function watchForFlood(socket: ChatSocket, result: Result<unknown>): void {
    if (result.ok) socket.data.refused = 0
    else if (++socket.data.refused === floodAfter)
      closeSocket(socket, closeCodes.flood, 'too many refused requests')
  }

  return {
    begin<E extends ClientEventName>(socket: ChatSocket, event: E | undefined): Asked<E> {
      socket.data.inFlight++
      const span =
        tracing && event && !untraced.has(event) ? tracing.begin(event, { kind: 'server' }) : undefined
      return { socket, event, span, begunAt: performance.now() }
    },

    /** The request, if its user is within the rate and its payload within bounds and of its shape. Throws what is wrong. */
    check<E extends ClientEventName>(
      { socket, event }: Asked<E>,
      { payloads, hasAck }: { payloads: unknown[]; hasAck: boolean },
    ): ClientRequest<E> {
      // A client may take its time to go, or not go by itself.
      if (socket.data.closeCode !== undefined) refuseOver(socket.data)
      const waitMs = registry.take(socket.data.identity.userId, (event && ownRates[event]) ?? 'requests')
      if (waitMs > 0) throw tooFast(waitMs)
      if (!event) throw unknownEvent()
      if (!hasAck) throw ackRequired()
      if (payloads.length > 1) throw onePayload()
      checkBounds(payloads[0])
      const request = clientEvents[event].request.safeParse(payloads[0])
      if (!request.success) throw malformed(z.prettifyError(request.error))
      return request.data as ClientRequest<E>
    },

    /** What the client is told of what was thrown. */
    refusal({ event, span }: Asked, cause: unknown): Result<never> {
      const error = AppError.from(cause)
      if (error.code === 'internal')
        log.error({ err: error, event, traceId: span?.traceId }, 'socket request failed')
      return { ok: false, error: error.toJSON() }
    },

    /** Once for each, before the client is answered. */
    end({ socket, event, span, begunAt }: Asked, result: Result<unknown>): void {
      socket.data.inFlight--
      seconds.observe((performance.now() - begunAt) / 1_000, event ?? 'unknown')
      span?.end(result.ok ? undefined : new AppError(result.error.code, ''))
      count.inc(event ?? 'unknown', result.ok ? 'ok' : result.error.code)
      watchForFlood(socket, result)
    },
  }
}

/** Throws where the session is over, and not just its connection. */
function refuseOver({ closeCode, identity }: ChatSocket['data']): void {
  if (closeCode === closeCodes.tokenExpired && identity.expiresAt.getTime() <= Date.now())
    throw tokenExpired()
  const over = sessionOver(closeCode, 'this session has ended')
  if (over) throw over
}

export type Requests = ReturnType<typeof createRequests>
