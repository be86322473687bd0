import {
  type ClientEventName,
  type ClientReply,
  type ClientRequest,
  clientEvents,
  type SyncPage,
} from '@parley/shared/protocol'
import type { EndedSessions } from '../connections/ended-sessions.ts'
import { renewSession } from '../connections/renew-session.ts'
import { createSteps } from '../connections/steps.ts'
import type { Context } from '../context.ts'
import { receiptKindOf, setAppState } from '../presence/app-state.ts'
import type { Presence } from '../presence/presence.ts'
import type { Watches } from '../presence/watches.ts'
import type { ChatSocket } from '../realtime.ts'
import type { Typing } from '../typing/typing.ts'

export type Handlers = {
  [E in ClientEventName]: (
    socket: ChatSocket,
    request: ClientRequest<E>,
    /** The `traceparent` of what is asked, if its trace is recorded. */
    trace?: string,
  ) => Promise<ClientReply<E>>
}

interface Parts {
  endedSessions: EndedSessions
  presence: Presence
  typing: Typing
  watches: Watches
}

/** What each client event does. Who asks is the socket's identity, never the payload. */
export function createHandlers(
  ctx: Pick<Context, 'config' | 'messages' | 'deliveryMarks' | 'verifyToken' | 'registry'> & Parts,
): Handlers {
  const { messages, deliveryMarks } = ctx
  const syncs = createSteps({ crowd: 8 })
  return {
    ...passedOn(ctx),
    'message:send': (socket, draft, trace) => {
      const { userId, deviceId } = socket.data.identity
      return messages.send({ userId, deviceId, draft }, trace)
    },
    'log:sync': async (socket, query, trace) => {
      const { identity } = socket.data
      if (query.cursor) {
        // When a node is lost thousands come back at once.
        await new Promise<void>(syncs.join)
        const { page } = await messages.comeBack({ userId: identity.userId, query })
        if (page) return page
      }
      return (await messages.ask(identity, 'log:sync', query, trace)) as SyncPage
    },
    'receipt:deliver': (socket, { conversationId, seq }) =>
      deliveryMarks.add({
        userId: socket.data.identity.userId,
        conversationId,
        kind: receiptKindOf(socket, conversationId),
        seq,
      }),
    'receipt:read': (socket, { conversationId, seq }) =>
      messages.mark({ userId: socket.data.identity.userId, conversationId, kind: 'read', seq }),
    'presence:watch': (socket, request) => ctx.watches.set(socket, request),
    'typing:set': (socket, request) => ctx.typing.set(socket, request),
    'app:state': async (socket, request) => setAppState(ctx, socket, request),
    'session:renew': (socket, request) => renewSession(ctx, socket, request),
  }
}

/** Everything that a gateway has no part in is answered by messages. */
function passedOn({ messages }: Pick<Context, 'messages'>): Handlers {
  const names = Object.keys(clientEvents) as ClientEventName[]
  const handlers = names.map((event) => [
    event,
    (socket: ChatSocket, request: unknown, trace?: string) =>
      messages.ask(socket.data.identity, event, request, trace),
  ])
  return Object.fromEntries(handlers) as Handlers
}
