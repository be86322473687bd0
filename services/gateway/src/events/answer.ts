import { checkBounds } from '@parley/shared/bounds'
import { AppError } from '@parley/shared/errors'
import type { Logger } from '@parley/shared/log'
import {
  type Ack,
  type ClientEventName,
  clientEvents,
  closeCodes,
  type Result,
} from '@parley/shared/protocol'
import type { TraceSpan, Tracing } from '@parley/shared/tracing'
import { Counter, Histogram, type Registry as Metrics } from 'prom-client'
import { z } from 'zod'
import { closeSocket } from '../connections/close-socket.ts'
import type { Rate, Registry } from '../connections/registry.ts'
import { ackRequired, malformed, onePayload, tooFast, unknownEvent } from '../errors.ts'
import type { ChatSocket } from '../realtime.ts'
import { createDeadlines } from './deadlines.ts'
import type { Handlers } from './handlers.ts'

/** Beneath a client's own 20 s, above the time a service needs to come back from a restart. */
const deadlineMs = 15_000
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

interface AnswerOptions {
  log: Logger
  metrics: Metrics
  tracing: Tracing | undefined
  registry: Registry
  handlers: Handlers
}

interface Asked {
  /** Undefined if there is no such event. */
  event: ClientEventName | undefined
  payloads: unknown[]
  hasAck: boolean
  span: TraceSpan | undefined
}

/**
 * The one way in for whatever a client emits: the name is known, an acknowledgement was asked for, the user is
 * within the rate, the payload within bounds and of its shape. Then the client hears back exactly once, within
 * the deadline, whatever the handler does; nothing that is thrown leaves here.
 */
export function createAnswer({ log, metrics, tracing, registry, handlers }: AnswerOptions) {
  const inTime = createDeadlines(deadlineMs)
  const seconds = new Histogram({
    name: 'parley_gateway_event_duration_seconds',
    help: 'From the arrival of a client event to its answer',
    labelNames: ['event'],
    buckets: [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 5, 15],
    registers: [metrics],
  })
  const count = new Counter({
    name: 'parley_gateway_events_total',
    help: 'Client events by outcome',
    labelNames: ['event', 'outcome'],
    registers: [metrics],
  })

  return async (socket: ChatSocket, [name, ...args]: unknown[]): Promise<void> => {
    const event = isKnown(name) ? name : undefined
    const last = args.at(-1)
    // A function can only come from Socket.IO, for a client that wants an answer: JSON has none.
    const ack = typeof last === 'function' ? (last as Ack<unknown>) : undefined
    const payloads = ack ? args.slice(0, -1) : args
    const observe = seconds.startTimer({ event: event ?? 'unknown' })
    socket.data.inFlight++

    const span =
      tracing && event && !untraced.has(event) ? tracing.begin(event, { kind: 'server' }) : undefined

    const result = await respond(socket, { event, payloads, hasAck: ack !== undefined, span })

    socket.data.inFlight--
    observe()
    span?.end(result.ok ? undefined : new AppError(result.error.code, ''))
    count.inc({ event: event ?? 'unknown', outcome: result.ok ? 'ok' : result.error.code })
    if (ack) ack(result)
    else if (!result.ok) socket.emit('request:refused', { event: shown(name), error: { ...result.error } })
    watchForFlood(socket, result)
  }

  async function respond(
    socket: ChatSocket,
    { event, payloads, hasAck, span }: Asked,
  ): Promise<Result<unknown>> {
    try {
      const waitMs = takeToken(socket, event)
      if (waitMs > 0) throw tooFast(waitMs)
      if (!event) throw unknownEvent()
      if (!hasAck) throw ackRequired()
      if (payloads.length > 1) throw onePayload()
      checkBounds(payloads[0])
      // Each event's handler takes what its own schema gives, which a table indexed by name cannot say.
      const handle = handlers[event] as (
        socket: ChatSocket,
        request: unknown,
        trace?: string,
      ) => Promise<unknown>
      const request = clientEvents[event].request.safeParse(payloads[0])
      if (!request.success) throw malformed(z.prettifyError(request.error))
      return { ok: true, data: await inTime(handle(socket, request.data, span?.traceparent)) }
    } catch (cause) {
      const error = AppError.from(cause)
      if (error.code === 'internal')
        log.error({ err: error, event, traceId: span?.traceId }, 'socket request failed')
      return { ok: false, error: error.toJSON() }
    }
  }

  function takeToken(socket: ChatSocket, event: ClientEventName | undefined): number {
    return registry.take(socket.data.identity.userId, (event && ownRates[event]) ?? 'requests')
  }

  function watchForFlood(socket: ChatSocket, result: Result<unknown>): void {
    if (result.ok) socket.data.refused = 0
    else if (++socket.data.refused === floodAfter)
      closeSocket(socket, closeCodes.flood, 'too many refused requests')
  }
}

function isKnown(name: unknown): name is ClientEventName {
  return typeof name === 'string' && Object.hasOwn(clientEvents, name)
}

const shown = (name: unknown) => String(name).slice(0, 64)
