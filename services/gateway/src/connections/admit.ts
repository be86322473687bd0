import { AppError } from '@parley/shared/errors'
import { userRoom } from '@parley/shared/realtime'
import { Counter, Gauge, Histogram } from 'prom-client'
import type { Context } from '../context.ts'
import { nodeDrains, nodeFull, tooManySockets } from '../errors.ts'
import type { ChatSocket } from '../realtime.ts'
import { authenticate, type Newcomer, refusal } from './authenticate.ts'
import { drained } from './drain.ts'
import { settleRooms } from './settle-rooms.ts'
import { createSteps } from './steps.ts'

type AdmitContext = Pick<
  Context,
  | 'config'
  | 'log'
  | 'metrics'
  | 'registry'
  | 'roomChanges'
  | 'messages'
  | 'subscriber'
  | 'verifyToken'
  | 'governor'
  | 'tickets'
> & { isDraining: () => boolean }

/**
 * Decides a handshake: a valid token, a session that has not ended, room on this node, which is to stay. The socket has its rooms,
 * and this node hears them, before the client is told that it is connected; so what it syncs after that and what
 * it hears leave nothing between them.
 */
export function createAdmission(ctx: AdmitContext) {
  const {
    config,
    log,
    metrics,
    registry,
    roomChanges,
    messages,
    subscriber,
    verifyToken,
    governor,
    tickets,
    isDraining,
  } = ctx
  const refused = new Counter({
    name: 'parley_gateway_handshakes_refused_total',
    help: 'Refused handshakes by error code',
    labelNames: ['code'],
    registers: [metrics],
  })
  const seconds = new Histogram({
    name: 'parley_gateway_handshake_seconds',
    help: 'From the arrival of a handshake that is let in to its end',
    buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 3, 10],
    registers: [metrics],
  })
  new Gauge({
    name: 'parley_gateway_handshakes_waiting',
    help: 'Handshakes that wait for a place',
    registers: [metrics],
    collect() {
      this.set(governor.waiting)
    },
  })
  new Gauge({
    name: 'parley_gateway_handshake_places',
    help: 'Handshakes that may go on side by side, by what is behind them',
    registers: [metrics],
    collect() {
      this.set(governor.limit)
    },
  })

  const steps = createSteps({ crowd: 8 })
  /** Handshakes under way that have a place. */
  let entering = 0

  return async (socket: ChatSocket, next: (err?: Error) => void): Promise<void> => {
    try {
      checkStaying()
      checkRoom()
      const observe = seconds.startTimer()
      if (socket.handshake.auth['returnTicket'] === undefined) governor.checkRoom()
      const newcomer = await authenticate(socket, verifyToken)
      const isExpected = tickets.isValid(newcomer.returnTicket, newcomer.identity.sessionId)
      await governor.run(isExpected, () => takeIn(socket, newcomer))
      observe()
      next()
    } catch (cause) {
      const error = AppError.from(cause)
      if (error.code === 'internal') log.error({ err: error }, 'handshake failed')
      refused.inc({ code: error.code })
      next(refusal(error))
    }
  }

  /** Who was let in after the beginning of a drain would be sent away again, or not even be told to come back. */
  function checkStaying(): void {
    if (isDraining()) throw nodeDrains(drained().reconnectAfterMs)
  }

  function checkRoom(): void {
    if (registry.connections + entering >= config.limits.connections) throw nodeFull()
  }

  async function takeIn(socket: ChatSocket, newcomer: Newcomer): Promise<void> {
    // Thousands may have waited for their place meanwhile.
    checkRoom()
    entering++
    try {
      await enter(socket, newcomer)
    } finally {
      // Socket.IO has it registered by then.
      setImmediate(() => entering--)
    }
  }

  async function enter(socket: ChatSocket, { identity, appState, heartbeat }: Newcomer): Promise<void> {
    checkStaying()
    const { userId, deviceId } = identity
    // A device that comes back takes the place of its older socket, so that one does not count.
    if (registry.otherDevices(userId, deviceId) >= config.limits.socketsPerUser) throw tooManySockets()
    await new Promise<void>(steps.join)
    const askedAt = performance.now()
    using changes = roomChanges.watch(userId)
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
    const { adapter } = socket.nsp
    void socket.join(userRoom(userId))
    settleRooms(adapter, socket.id, changes.addTo(conversationIds))
    // A Redis that is slow or away keeps nobody out: they sync when they are in, and again when it is back.
    await subscriber.settled()
    // Socket.IO takes whom it refuses out of all rooms.
    checkStaying()
    if (changes.any) settleRooms(adapter, socket.id, changes.addTo(conversationIds))
  }
}
