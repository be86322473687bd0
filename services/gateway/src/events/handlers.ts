import type { ClientEventName, ClientReply, ClientRequest } from '@parley/shared/protocol'
import type { Context } from '../context.ts'
import type { ChatSocket } from '../realtime.ts'

export type Handlers = {
  [E in ClientEventName]: (socket: ChatSocket, request: ClientRequest<E>) => Promise<ClientReply<E>>
}

/** What each client event does. Who asks is the socket's identity, never the payload. */
export function createHandlers({
  messages,
  deliveryMarks,
}: Pick<Context, 'messages' | 'deliveryMarks'>): Handlers {
  return {
    'message:send': (socket, draft) => {
      const { userId, deviceId } = socket.data.identity
      return messages.send({ userId, deviceId, draft })
    },
    'receipt:deliver': (socket, { conversationId, seq }) =>
      deliveryMarks.add({ userId: socket.data.identity.userId, conversationId, kind: 'delivered', seq }),
    'receipt:read': (socket, { conversationId, seq }) =>
      messages.mark({ userId: socket.data.identity.userId, conversationId, kind: 'read', seq }),
    'log:read': async (socket, query) =>
      (await messages.ask(socket.data.identity, 'log:read', query)) as ClientReply<'log:read'>,
    'log:sync': async (socket, query) =>
      (await messages.ask(socket.data.identity, 'log:sync', query)) as ClientReply<'log:sync'>,
  }
}
