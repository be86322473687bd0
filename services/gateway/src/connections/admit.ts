import { AppError } from '@parley/shared/errors'
import { conversationRoom, userRoom } from '@parley/shared/realtime'
import { Counter } from 'prom-client'
import type { Context } from '../context.ts'
import { nodeFull, tooManySockets } from '../errors.ts'
import type { ChatSocket } from '../realtime.ts'
import { authenticate, type Newcomer, refusal } from './authenticate.ts'
import { untilSubscribed } from './until-subscribed.ts'

type AdmitContext = Pick<
  Context,
  'config' | 'log' | 'metrics' | 'registry' | 'messages' | 'subscriber' | 'verifyToken'
>

/**
 * Decides a handshake: a valid token, a session that has not ended, room on this node. The socket has its rooms,
 * and this node hears them, before the client is told that it is connected; so what it syncs after that and what
 * it hears leave nothing between them.
 */
export function createAdmission(ctx: AdmitContext) {
  const { config, log, metrics, registry, messages, subscriber, verifyToken } = ctx
  const refused = new Counter({
    name: 'parley_gateway_handshakes_refused_total',
    help: 'Refused handshakes by error code',
    labelNames: ['code'],
    registers: [metrics],
  })

  return async (socket: ChatSocket, next: (err?: Error) => void): Promise<void> => {
    try {
      if (registry.connections >= config.limits.connections) throw nodeFull()
      await enter(socket, await authenticate(socket, verifyToken))
      next()
    } catch (cause) {
      const error = AppError.from(cause)
      if (error.code === 'internal') log.error({ err: error }, 'handshake failed')
      refused.inc({ code: error.code })
      next(refusal(error))
    }
  }

  async function enter(socket: ChatSocket, { identity, appState, heartbeat }: Newcomer): Promise<void> {
    const { userId, deviceId } = identity
    // A device that comes back takes the place of its older socket, so that one does not count.
    if (registry.otherDevices(userId, deviceId) >= config.limits.socketsPerUser) throw tooManySockets()
    const askedAt = performance.now()
    const { conversationIds } = await messages.openSession(identity)
    const connectedAt = Date.now()
    socket.data = {
      identity,
      askedAt,
      connectedAt,
      inFlight: 0,
      refused: 0,
      warnedOfExpiry: false,
      appState,
      heartbeat,
    }
    await socket.join([userRoom(userId), ...conversationIds.map(conversationRoom)])
    await untilSubscribed(subscriber)
  }
}
