import type { ClientEventName, ClientReply, ClientRequest } from '@parley/shared/protocol'
import { renewSession } from '../connections/renew-session.ts'
import type { Context } from '../context.ts'
import type { ChatSocket } from '../realtime.ts'

export type Handlers = {
  [E in ClientEventName]: (socket: ChatSocket, request: ClientRequest<E>) => Promise<ClientReply<E>>
}

/** What each client event does. Who asks is the socket's identity, never the payload. */
export function createHandlers(
  ctx: Pick<Context, 'messages' | 'deliveryMarks' | 'verifyToken' | 'registry'>,
): Handlers {
  const { messages, deliveryMarks } = ctx
  return {
    'message:send': (socket, draft) => {
      const { userId, deviceId } = socket.data.identity
      return messages.send({ userId, deviceId, draft })
    },
    'receipt:deliver': (socket, { conversationId, seq }) =>
      deliveryMarks.add({ userId: socket.data.identity.userId, conversationId, kind: 'delivered', seq }),
    'receipt:read': (socket, { conversationId, seq }) =>
      messages.mark({ userId: socket.data.identity.userId, conversationId, kind: 'read', seq }),
    'session:renew': (socket, request) => renewSession(ctx, socket, request),
    'log:read': async (socket, query) =>
      (await messages.ask(socket.data.identity, 'log:read', query)) as ClientReply<'log:read'>,
    'log:sync': async (socket, query) =>
      (await messages.ask(socket.data.identity, 'log:sync', query)) as ClientReply<'log:sync'>,
  }
}
