import { createHttpApp } from '@parley/shared/http'
import { createInternalApp } from '@parley/shared/internal-http'
import { closeCodes } from '@parley/shared/protocol'
import { createReadiness } from '@parley/shared/readiness'
import { gatewayOrders } from '@parley/shared/realtime'
import { Counter, Gauge } from 'prom-client'
import { serveGatewayAdmin } from './admin.ts'
import type { Config } from './config.ts'
import { createAdmission } from './connections/admit.ts'
import { closeSocket } from './connections/close-socket.ts'
import { drain, drained } from './connections/drain.ts'
import { createEndedSessions } from './connections/ended-sessions.ts'
import { followOrders } from './connections/follow-orders.ts'
import { releaseHandshake } from './connections/release-handshake.ts'
import { startRoomRenewal } from './connections/renew-rooms.ts'
import { createRooms } from './connections/rooms.ts'
import { slimDown } from './connections/slim-down.ts'
import { createTwins } from './connections/twins.ts'
import { closeEnded, watchSessions } from './connections/watch-sessions.ts'
import { createContext, type Overrides } from './context.ts'
import { createAnswerSend } from './events/answer-send.ts'
import { createAnswer } from './events/answer.ts'
import { createDeadlines } from './events/deadlines.ts'
import { createHandlers } from './events/handlers.ts'
import { createRequests } from './events/requests.ts'
import { startDoorbellLag } from './fanout/doorbell-lag.ts'
import { createFanoutMetrics } from './fanout/fanout-metrics.ts'
import { isCutOff } from './fanout/slow-readers.ts'
import { tellStale } from './fanout/tell-stale.ts'
import { heartbeatOf } from './heartbeats/profiles.ts'
import { createListeners } from './listeners/listeners.ts'
import { listenerRoutes } from './listeners/routes.ts'
import { startPresence } from './presence/presence.ts'
import { startWatches } from './presence/watches.ts'
import { createRealtime } from './realtime.ts'
import { createTyping } from './typing/typing.ts'

/**
 * Connections the kernel holds until they are taken in; `net.core.somaxconn` may allow fewer. Who comes when it is full is told
 * nothing and tries again after 1, 3, 7 and 15 seconds, so a wave of thousands must fit.
 */
const connectBacklog = 8_192
/** Beneath a client's own 20 s, above the time a service needs to come back from a restart. */
const answerWithinMs = 15_000

export async function startGateway(config: Config, overrides: Overrides = {}) {
  await using opened = new AsyncDisposableStack()
  const ctx = opened.use(await createContext(config, overrides))
  const { log, registry, subscriber } = ctx
  // Not Redis: were it down, every gateway would leave at once, and a hindrance would be an outage.
  const readiness = createReadiness()

  const internal = opened.adopt(
    createInternalApp({
      log,
      metrics: ctx.metrics,
      secret: config.internalSecret,
      ready: () => readiness.ready(),
      tracing: ctx.tracing,
    }),
    (server) => server.close(),
  )
  new Gauge({
    name: 'parley_gateway_connections',
    help: 'Authenticated sockets on this node',
    registers: [ctx.metrics],
    collect() {
      this.set(registry.connections)
    },
  })

  const disconnects = new Counter({
    name: 'parley_gateway_disconnects_total',
    help: 'Ends of sockets, in the words of Socket.IO, and the code where this node closed it',
    labelNames: ['reason', 'code'],
    registers: [ctx.metrics],
  })
  new Gauge({
    name: 'parley_gateway_draining',
    help: '1 while this node sends its sockets elsewhere',
    registers: [ctx.metrics],
    collect() {
      this.set(readiness.leaving ? 1 : 0)
    },
  })

  const app = opened.adopt(createHttpApp(log, { allowedOrigins: config.allowedOrigins }), (server) =>
    server.close(),
  )
  const twins = createTwins(ctx)
  const fanoutMetrics = createFanoutMetrics(ctx.metrics)
  const { io, engines } = createRealtime({
    app,
    config,
    metrics: ctx.metrics,
    fanoutMetrics,
    tracing: ctx.tracing,
    publisher: ctx.publisher,
    subscriber,
    isDraining: () => readiness.leaving,
    onNotice: (notice) => twins.hear(notice),
    tell: (memberId, heard) => listeners.tell(memberId, heard),
    sheds: () => ctx.load.sheds('typing'),
  })
  const listeners = createListeners({ ...ctx, limits: config.limits, adapter: io.of('/').adapter })
  new Gauge({
    name: 'parley_gateway_listeners',
    help: 'Polls that are held and event streams on this node',
    registers: [ctx.metrics],
    collect() {
      this.set(listeners.count)
    },
  })
  listenerRoutes(app, { ...ctx, listeners, fanoutMetrics, isDraining: () => readiness.leaving })
  // Fastify waits for open connections and sockets never end by themselves.
  // `local` because the adapter would pass the order on to every other node.
  app.addHook('preClose', async () => {
    io.local.disconnectSockets(true)
    for (const engine of engines) engine.close()
  })

  opened.use(startDoorbellLag({ ...ctx, gatewayId: config.gatewayId }))
  const presence = opened.use(startPresence(ctx))
  const sessions = { ...ctx, listeners, endedSessions: createEndedSessions(registry, listeners) }
  opened.use(watchSessions(sessions))
  const roomRenewal = opened.use(
    startRoomRenewal({ ...ctx, closeEnded: (sessionIds) => closeEnded(sessions, sessionIds) }),
  )
  const typing = createTyping(ctx)
  const watches = opened.use(startWatches(ctx))
  const rooms = createRooms({ ...sessions, io })
  followOrders({ ...sessions, rooms, typing, watches })
  subscriber.on('healed', (channels) => {
    tellStale(channels, { io, listeners })
    if (!channels.has(gatewayOrders)) return
    roomRenewal.all()
    closeEnded(sessions).catch((err: unknown) => log.warn({ err }, 'ended sessions were not looked for'))
  })

  const admit = createAdmission({ ...ctx, isDraining: () => readiness.leaving })
  const requests = createRequests(ctx)
  const deadlines = createDeadlines(answerWithinMs)
  const answer = createAnswer({
    requests,
    deadlines,
    handlers: createHandlers({ ...sessions, presence, typing, watches }),
    answerSend: createAnswerSend({ ...ctx, requests, deadlines }),
  })
  io.use((socket, next) => void admit(socket, next))
  io.on('connection', (socket) => {
    const { userId, deviceId } = socket.data.identity
    releaseHandshake(socket)
    registry.add(socket)
    // Handshakes that were decided at the same moment did not see each other.
    if (registry.otherDevices(userId, deviceId) >= config.limits.socketsPerUser)
      closeSocket(socket, closeCodes.flood, 'too many connections')
    else twins.replace(socket)
    sessions.endedSessions.checkNewcomer(socket)
    roomRenewal.checkNewcomer(socket)
    presence.changed(userId)
    socket.use((packet) => void answer(socket, packet))
    socket.emit('session:ready', {
      heartbeat: heartbeatOf(config, socket.data.heartbeat),
      time: new Date().toISOString(),
    })
    socket.on('disconnect', (reason) => {
      const code = isCutOff(socket.conn) ? closeCodes.slowConsumer : socket.data.closeCode
      disconnects.inc({ reason, code: code ?? 'none' })
      registry.remove(socket)
      watches.drop(socket)
      presence.changed(userId)
    })
    slimDown(socket)
  })

  const leave = async () => {
    await readiness.leave()
    listeners.endAll(drained)
    await drain(registry, { ...config, tickets: ctx.tickets })
  }
  opened.defer(leave)
  serveGatewayAdmin(internal, ctx, io, { ready: () => readiness.ready(), leave })
  const internalUrl = await internal.listen({ host: config.http.host, port: config.http.internalPort })
  const url = await app.listen({ host: config.http.host, port: config.http.port, backlog: connectBacklog })
  log.info({ url, internalUrl }, 'gateway is up')

  const owned = opened.move()
  const { shutdownMs } = config
  return { url, internalUrl, ctx, io, shutdownMs, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}
