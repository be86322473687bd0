import { type Ack, type ClientEventName, clientEvents, type Result } from '@parley/shared/protocol'
import type { ChatSocket } from '../realtime.ts'
import type { AnswerSend } from './answer-send.ts'
import type { Deadlines } from './deadlines.ts'
import type { Handlers } from './handlers.ts'
import type { Asked, Requests } from './requests.ts'
import { takeSendsOf } from './take-send.ts'

interface AnswerOptions {
  requests: Requests
  deadlines: Deadlines
  handlers: Handlers
  answerSend: AnswerSend
}

/**
 * The way in for whatever a client emits: the name is known, an acknowledgement was asked for, the user is
 * within the rate, the payload within bounds and of its shape. Then the client hears back exactly once, within
 * the deadline, whatever the handler does; nothing that is thrown leaves here. After the first send of a connection
 * its sends have a shorter way (`answer-send.ts`).
 */
export function createAnswer({ requests, deadlines, handlers, answerSend }: AnswerOptions) {
  return async (socket: ChatSocket, [name, ...args]: unknown[]): Promise<void> => {
    const event = isKnown(name) ? name : undefined
    const last = args.at(-1)
    // A function can only come from Socket.IO, for a client that wants an answer: JSON has none.
    const ack = typeof last === 'function' ? (last as Ack<unknown>) : undefined
    const asked = requests.begin(socket, event)
    const result = await respond(asked, {
      payloads: ack ? args.slice(0, -1) : args,
      hasAck: ack !== undefined,
    })
    requests.end(asked, result)
    if (ack) ack(result)
    else if (!result.ok) socket.emit('request:refused', { event: shown(name), error: { ...result.error } })
  }

  async function respond(
    asked: Asked,
    came: { payloads: unknown[]; hasAck: boolean },
  ): Promise<Result<unknown>> {
    try {
      const request = requests.check(asked, came)
      const { socket, event, span } = asked
      if (event === 'message:send') takeSendsOf(socket, answerSend)
      // A checked event has a name. Its handler takes what its own schema gives, which a table indexed by name cannot say.
      const handle = handlers[event as ClientEventName] as (
        socket: ChatSocket,
        request: unknown,
        trace?: string,
      ) => Promise<unknown>
      return { ok: true, data: await deadlines.within(handle(socket, request, span?.traceparent)) }
    } catch (cause) {
      return requests.refusal(asked, cause)
    }
  }
}

function isKnown(name: unknown): name is ClientEventName {
  return typeof name === 'string' && Object.hasOwn(clientEvents, name)
}

const shown = (name: unknown) => String(name).slice(0, 64)
