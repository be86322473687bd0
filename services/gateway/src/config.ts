import { hostname } from 'node:os'
import {
  allowedOrigins,
  host,
  httpUrl,
  httpUrls,
  internalSecret,
  logLevel,
  parseEnv,
  port,
  positiveInt,
  redisUrl,
} from '@parley/shared/env'
import { loadTracing, tracingEnv } from '@parley/shared/tracing'
import { loadUserTokens, userTokenEnv } from '@parley/shared/user-tokens'
import { z } from 'zod'
import { heartbeatEnv, loadHeartbeats } from './heartbeats/profiles.ts'
import { loadEnv } from './load/load.ts'
import { presenceEnv } from './presence/config.ts'

export const Env = z.object({
  HOST: host,
  PORT: port.default(8081),
  INTERNAL_PORT: port.default(3111),
  LOG_LEVEL: logLevel,
  ...tracingEnv,
  GATEWAY_ID: z
    .string()
    .regex(/^[A-Za-z0-9-]{1,63}$/)
    .default(
      () =>
        hostname()
          .replaceAll(/[^A-Za-z0-9-]/g, '-')
          .slice(0, 63) || 'gateway',
    ),
  REDIS_URL: redisUrl,
  INTERNAL_SECRET: internalSecret,
  MESSAGES_URLS: httpUrls.default(['http://127.0.0.1:3101']),
  AUTH_JWKS_URL: httpUrl.default('http://127.0.0.1:3001/v1/jwks'),
  ...userTokenEnv,
  ...heartbeatEnv,
  ...loadEnv,
  ...presenceEnv,
  ALLOWED_ORIGINS: allowedOrigins,
  MAX_CONNECTIONS: positiveInt.default(20_000),
  MAX_SOCKETS_PER_USER: positiveInt.default(10),
  MAX_LISTENERS: positiveInt.default(5_000),
  MAX_LISTENERS_PER_USER: positiveInt.default(10),
  SENDS_PER_SECOND: positiveInt.default(20),
  SENDS_BURST: positiveInt.default(60),
  REQUESTS_PER_SECOND: positiveInt.default(50),
  REQUESTS_BURST: positiveInt.default(200),
  TYPING_PER_SECOND: positiveInt.default(2),
  TYPING_BURST: positiveInt.default(10),
  DRAIN_MS: z.coerce.number().int().min(0).max(300_000).default(10_000),
})

export type Config = ReturnType<typeof loadConfig>

export function loadConfig(env: NodeJS.ProcessEnv) {
  const parsed = parseEnv(Env, env)
  return {
    http: { host: parsed.HOST, port: parsed.PORT, internalPort: parsed.INTERNAL_PORT },
    log: { level: parsed.LOG_LEVEL },
    tracing: loadTracing(parsed),
    /** Stands in front of every Engine.IO session id, so that a balancer can send polling requests to their node. */
    gatewayId: parsed.GATEWAY_ID,
    redis: { url: parsed.REDIS_URL },
    internalSecret: parsed.INTERNAL_SECRET,
    messagesUrls: parsed.MESSAGES_URLS,
    jwksUrl: parsed.AUTH_JWKS_URL,
    userTokens: loadUserTokens(parsed),
    /** Browsers may connect from these alone, and read what is answered over HTTP. */
    allowedOrigins: parsed.ALLOWED_ORIGINS,
    limits: {
      connections: parsed.MAX_CONNECTIONS,
      socketsPerUser: parsed.MAX_SOCKETS_PER_USER,
      /** Polls that are held and event streams. */
      listeners: parsed.MAX_LISTENERS,
      listenersPerUser: parsed.MAX_LISTENERS_PER_USER,
      sends: { perSecond: parsed.SENDS_PER_SECOND, burst: parsed.SENDS_BURST },
      typing: { perSecond: parsed.TYPING_PER_SECOND, burst: parsed.TYPING_BURST },
      requests: { perSecond: parsed.REQUESTS_PER_SECOND, burst: parsed.REQUESTS_BURST },
    },
    heartbeats: loadHeartbeats(parsed),
    presence: {
      /** How long somebody must be away before anybody is told. */
      graceMs: parsed.PRESENCE_GRACE_MS,
      leaseMs: parsed.PRESENCE_LEASE_MS,
      watchesPerSocket: parsed.PRESENCE_WATCHES_PER_SOCKET,
    },
    /** Beyond either of these typing and presence are left out. */
    shed: { lagMs: parsed.SHED_LAG_MS, memoryPercent: parsed.SHED_MEMORY_PERCENT },
    /** Over what time sockets are closed when the node goes away. */
    drainMs: parsed.DRAIN_MS,
    /** The drain, and time for answers in hand and for what is left to be flushed. */
    shutdownMs: parsed.DRAIN_MS + 20_000,
  }
}
