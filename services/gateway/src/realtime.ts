import { randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { HttpApp } from '@parley/shared/http'
import type { ConversationId } from '@parley/shared/ids'
import type { AppState, HeartbeatProfile } from '@parley/shared/presence-events'
import type { ClientToServer, ServerToClient } from '@parley/shared/protocol'
import type { RedisClient } from '@parley/shared/redis'
import type { Subscriber } from '@parley/shared/subscriber'
import type { Identity } from '@parley/shared/tokens'
import type { Tracing } from '@parley/shared/tracing'
import { createShardedAdapter } from '@socket.io/redis-adapter'
import type { Registry as Metrics } from 'prom-client'
import { type Namespace, Server, type Socket } from 'socket.io'
import type { Config } from './config.ts'
import { boundConnects } from './connections/bound-connects.ts'
import { greetAtOnce } from './connections/greet-at-once.ts'
import { guardDoor, isOriginAllowed } from './connections/guard-door.ts'
import { gatherSends } from './events/gather-sends.ts'
import { deferFlushes } from './fanout/defer-flushes.ts'
import type { FanoutMetrics } from './fanout/fanout-metrics.ts'
import { type Heard, hearDoorbells } from './fanout/hear-doorbells.ts'
import { cutOffSlowReaders } from './fanout/slow-readers.ts'
import { bindProfiles, type Engine } from './heartbeats/bind-profiles.ts'
import { countMisses } from './heartbeats/count-misses.ts'

/** What a socket carries for as long as it lives; kept small, since there are many. */
export interface SocketData {
  identity: Identity
  /** When messages was asked whether the session lives, by this process's clock. */
  askedAt: number
  /** By the time of day, which other nodes have too. */
  connectedAt: number
  /** Requests that are being answered. */
  inFlight: number
  /** Refusals in a row; many of them are a flood. */
  refused: number
  warnedOfExpiry: boolean
  /** With which this node closed it. */
  closeCode?: number
  appState: AppState
  heartbeat: HeartbeatProfile
  /** The conversation on the device's screen. */
  activeConversationId?: ConversationId | undefined
}

export type ChatServer = Server<ClientToServer, ServerToClient, Record<string, never>, SocketData>
export type ChatSocket = Socket<ClientToServer, ServerToClient, Record<string, never>, SocketData>

/** Engine.IO's frame limit: a bigger one closes the socket with 1009. */
const maxFrameBytes = 100 * 1024

interface RealtimeOptions {
  app: HttpApp
  config: Config
  metrics: Metrics
  fanoutMetrics: FanoutMetrics
  tracing: Tracing | undefined
  publisher: RedisClient
  subscriber: Subscriber
  isDraining: () => boolean
  /** What another gateway says on the channel of a user who is here. */
  onNotice: (notice: string) => void
  /** What those hear who are in a room without a socket. */
  tell: (memberId: string, heard: Heard) => void
  /** Whether what may be left out is left out now. */
  sheds: () => boolean
}

/** The Socket.IO server: sharded adapter, one namespace, an engine for each heartbeat, nothing served but sockets. */
export function createRealtime({
  app,
  config,
  metrics,
  fanoutMetrics,
  tracing,
  publisher,
  subscriber,
  isDraining,
  onNotice,
  tell,
  sheds,
}: RealtimeOptions): { io: ChatServer; engines: Engine[] } {
  const sharded = createShardedAdapter(publisher, subscriber, { subscriptionMode: 'dynamic' })
  const optionsOf = (profile: HeartbeatProfile) => ({
    pingInterval: config.heartbeats.intervalMs[profile],
    pingTimeout: config.heartbeats.timeoutMs,
    maxHttpBufferSize: maxFrameBytes,
    cors: { origin: config.allowedOrigins },
    // `cors` governs polling alone: a WebSocket from another origin passes it.
    allowRequest: (request: IncomingMessage, decide: (err: undefined, allowed: boolean) => void) =>
      decide(undefined, isOriginAllowed(request, config.allowedOrigins)),
  })
  const io: ChatServer = new Server(app.server, {
    ...optionsOf('foreground'),
    adapter: function adapter(nsp: Namespace) {
      const made = sharded(nsp)
      hearDoorbells(made, nsp, { metrics: fanoutMetrics, tracing, onNotice, tell, sheds })
      return made
    },
    serveClient: false,
    connectTimeout: 10_000,
    cleanupEmptyChildNamespaces: true,
  })
  boundConnects(io)
  const engines = bindProfiles(io, optionsOf)
  countMisses(engines, { config, metrics })
  guardDoor(io.engine, { allowedOrigins: config.allowedOrigins, isDraining })
  for (const engine of Object.values(engines)) {
    engine.generateId = () => `${config.gatewayId}.${randomBytes(15).toString('base64url')}`
    deferFlushes(engine)
    cutOffSlowReaders(engine, fanoutMetrics)
    greetAtOnce(engine)
    gatherSends(engine)
  }
  return { io, engines: Object.values(engines) }
}
