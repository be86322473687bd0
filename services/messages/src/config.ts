import {
  allowedOrigins,
  ConfigError,
  drainWaitMs,
  host,
  httpUrl,
  internalSecret,
  logLevel,
  parseEnv,
  port,
  positiveInt,
  postgresUrl,
  redisUrl,
  trustedProxies,
} from '@parley/shared/env'
import { loadTracing, tracingEnv } from '@parley/shared/tracing'
import { loadUserTokens, userTokenEnv } from '@parley/shared/user-tokens'
import { z } from 'zod'
import { loadApiKeys } from './server-api/api-keys.ts'
import { loadEndpoints, Secret } from './webhooks/endpoints.ts'

/** Addresses and networks, separated by commas. */
const networks = z
  .string()
  .default('')
  .transform((text) => text.split(',').flatMap((part) => part.trim() || []))
  .pipe(z.array(z.union([z.cidrv4(), z.cidrv6(), z.ipv4(), z.ipv6()])))

const database = { DATABASE_URL: postgresUrl, LOG_LEVEL: logLevel }

export const Env = z.object({
  HOST: host,
  PORT: port.default(3001),
  INTERNAL_PORT: port.default(3101),
  DRAIN_WAIT_MS: drainWaitMs,
  ...tracingEnv,
  ALLOWED_ORIGINS: allowedOrigins,
  ...database,
  DATABASE_POOL_SIZE: positiveInt.default(10),
  REDIS_URL: redisUrl,
  INTERNAL_SECRET: internalSecret,
  MEDIA_URL: httpUrl.default('http://127.0.0.1:3102'),
  AUTH_SIGNING_KEY: z.string().includes('PRIVATE KEY', { error: 'an Ed25519 private key in PEM (PKCS #8)' }),
  ACCESS_TOKEN_TTL_SECONDS: positiveInt.max(3_600).default(900),
  REFRESH_TOKEN_TTL_DAYS: positiveInt.default(60),
  ...userTokenEnv,
  USER_TOKEN_ACCOUNTS: z.enum(['create', 'refuse']).default('create'),
  SESSION_POLICY: z.enum(['multi', 'one-per-platform', 'single']).default('multi'),
  TRUSTED_PROXIES: trustedProxies,
  SIGN_UPS_PER_ADDRESS: positiveInt.default(100),
  LOG_INS_PER_ADDRESS: positiveInt.default(300),
  PASSWORD_SCRYPT_COST: z.coerce.number().int().min(10).max(20).default(15),
  COMMIT_LANES: positiveInt.max(64).default(2),
  MESSAGES_FROM: z.enum(['anyone', 'contacts']).default('anyone'),
  ACK_WAIT_MS: positiveInt.default(8_000),
  BACKGROUND_ACK_WAIT_MS: positiveInt.default(2_000),
  DIRECT_EDIT_WITHIN_SECONDS: z.coerce.number().int().min(0).default(86_400),
  DIRECT_RECALL_WITHIN_SECONDS: z.coerce.number().int().min(0).default(86_400),
  SERVER_API_PORT: port.default(3201),
  SERVER_API_KEYS: z.string().max(65_536).optional(),
  SERVER_API_REQUESTS_PER_SECOND: positiveInt.default(200),
  WEBHOOKS: z.string().max(65_536).optional(),
  WEBHOOKS_PLAIN_HTTP: z.enum(['refuse', 'accept']).default('refuse'),
  WEBHOOKS_ALLOWED_NETWORKS: networks,
  WEBHOOKS_CA: z.string().optional(),
  WEBHOOKS_CONCURRENCY: positiveInt.max(256).default(16),
  WEBHOOKS_TIMEOUT_MS: positiveInt.max(60_000).default(10_000),
  WEBHOOKS_DISABLE_AFTER_HOURS: positiveInt.default(48),
  BEFORE_SEND_URL: httpUrl.optional(),
  BEFORE_SEND_SECRETS: z
    .string()
    .default('')
    .transform((text) => text.split(',').flatMap((part) => part.trim() || []))
    .pipe(z.array(Secret).max(2)),
  BEFORE_SEND_FAILURE: z.enum(['open', 'closed']).optional(),
  BEFORE_SEND_DEADLINE_MS: positiveInt.max(5_000).default(500),
  BEFORE_SEND_CONCURRENCY: positiveInt.max(256).default(16),
  UNREGISTERED_TYPES: z.enum(['accept', 'refuse']).default('accept'),
  SEARCH: z.enum(['on', 'off']).default('on'),
  SEARCH_INDEXED_PER_SECOND: positiveInt.max(100_000).default(1_000),
  GROUP_POLICIES_FILE: z.string().min(1).optional(),
})

/** A migration needs the database and nothing else. */
export function loadMigrationConfig(env: NodeJS.ProcessEnv) {
  const parsed = parseEnv(z.object(database), env)
  return { log: { level: parsed.LOG_LEVEL }, database: { url: parsed.DATABASE_URL } }
}

export type Config = ReturnType<typeof loadConfig>

export function loadConfig(env: NodeJS.ProcessEnv) {
  const parsed = parseEnv(Env, env)
  return {
    http: {
      host: parsed.HOST,
      port: parsed.PORT,
      internalPort: parsed.INTERNAL_PORT,
      drainWaitMs: parsed.DRAIN_WAIT_MS,
      allowedOrigins: parsed.ALLOWED_ORIGINS,
      trustedProxies: parsed.TRUSTED_PROXIES,
    },
    log: { level: parsed.LOG_LEVEL },
    tracing: loadTracing(parsed),
    database: { url: parsed.DATABASE_URL, poolSize: parsed.DATABASE_POOL_SIZE },
    redis: { url: parsed.REDIS_URL },
    internalSecret: parsed.INTERNAL_SECRET,
    mediaUrl: parsed.MEDIA_URL,
    tokens: {
      signingKey: parsed.AUTH_SIGNING_KEY,
      accessTtlSeconds: parsed.ACCESS_TOKEN_TTL_SECONDS,
      refreshTtlDays: parsed.REFRESH_TOKEN_TTL_DAYS,
    },
    userTokens: loadUserTokens(parsed),
    sessions: { policy: parsed.SESSION_POLICY, operatorAccounts: parsed.USER_TOKEN_ACCOUNTS },
    /** A minute. */
    perAddress: {
      signUpsPerMinute: parsed.SIGN_UPS_PER_ADDRESS,
      logInsPerMinute: parsed.LOG_INS_PER_ADDRESS,
    },
    passwords: { scryptCost: parsed.PASSWORD_SCRYPT_COST },
    /** Writers to the logs. A conversation always goes through the same one. */
    commitLanes: parsed.COMMIT_LANES,
    /** From whom accounts take direct messages, where they do not say so themselves. */
    messagesFrom: parsed.MESSAGES_FROM,
    /** How long a connected device may stay silent about an entry before its user is pushed. */
    ackWaitMs: parsed.ACK_WAIT_MS,
    /** The same where the app is in the background on every connected device, which may have frozen it. */
    backgroundAckWaitMs: parsed.BACKGROUND_ACK_WAIT_MS,
    /** How long messages between two people can be changed; groups have it in their policies. */
    direct: {
      editWithinSeconds: parsed.DIRECT_EDIT_WITHIN_SECONDS,
      recallWithinSeconds: parsed.DIRECT_RECALL_WITHIN_SECONDS,
    },
    /** For the operator's own back ends; without keys it does not listen. */
    serverApi: {
      port: parsed.SERVER_API_PORT,
      keys: loadApiKeys(parsed.SERVER_API_KEYS),
      /** Of one key, on each instance. */
      requestsPerSecond: parsed.SERVER_API_REQUESTS_PER_SECOND,
    },
    webhooks: {
      endpoints: loadEndpoints(parsed.WEBHOOKS, { plainHttp: parsed.WEBHOOKS_PLAIN_HTTP }),
      /** Private networks that endpoints may be in. */
      allowedNetworks: parsed.WEBHOOKS_ALLOWED_NETWORKS,
      ca: parsed.WEBHOOKS_CA,
      concurrency: parsed.WEBHOOKS_CONCURRENCY,
      timeoutMs: parsed.WEBHOOKS_TIMEOUT_MS,
      /** An endpoint at which nothing has arrived for so long gets nothing any more. */
      disableAfterMs: parsed.WEBHOOKS_DISABLE_AFTER_HOURS * 3_600_000,
      /** About ten hours, with waits that double up to one. */
      attempts: 20,
      retryMs: 5_000,
      /** Of one endpoint. */
      backlog: 100_000,
      spreadEveryMs: 250,
      /** Longer than a queue takes to begin with what it has. */
      requeueAfterMs: 60_000,
    },
    beforeSend: loadBeforeSend(parsed),
    /** What becomes of messages of an app's type that nobody registered. */
    unregisteredTypes: parsed.UNREGISTERED_TYPES,
    search: { enabled: parsed.SEARCH === 'on', indexedPerSecond: parsed.SEARCH_INDEXED_PER_SECOND },
    groupPoliciesFile: parsed.GROUP_POLICIES_FILE,
  }
}

/** The hook that is asked before messages are stored; undefined where there is none. */
function loadBeforeSend(parsed: z.output<typeof Env>) {
  const { BEFORE_SEND_URL: url, BEFORE_SEND_SECRETS: secrets, BEFORE_SEND_FAILURE: failure } = parsed
  if (url === undefined) return undefined
  if (secrets.length === 0 || failure === undefined)
    throw new ConfigError(
      'configuration is wrong\n✖ BEFORE_SEND_URL asks for BEFORE_SEND_SECRETS and BEFORE_SEND_FAILURE',
    )
  return {
    url,
    secrets,
    /** What no verdict means: the message is stored, or it is not. */
    failure,
    deadlineMs: parsed.BEFORE_SEND_DEADLINE_MS,
    concurrency: parsed.BEFORE_SEND_CONCURRENCY,
  }
}
