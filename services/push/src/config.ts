import {
  host,
  httpUrls,
  internalSecret,
  logLevel,
  parseEnv,
  port,
  positiveInt,
  redisUrl,
} from '@parley/shared/env'
import { loadTracing, tracingEnv } from '@parley/shared/tracing'
import { z } from 'zod'
import { type ReadSets, readCredentialFiles } from './credentials/credential-files.ts'
import { readEnvCredentials } from './credentials/env-credentials.ts'

const providerUrl = z.url({ protocol: /^https$/ })

// Each secret and certificate may come from a file instead: `X_FILE`.
export const Env = z.object({
  HOST: host,
  INTERNAL_PORT: port.default(3103),
  LOG_LEVEL: logLevel,
  ...tracingEnv,
  REDIS_URL: redisUrl,
  INTERNAL_SECRET: internalSecret,
  MESSAGES_URLS: httpUrls,
  PUSH_CONCURRENCY: positiveInt.max(256).default(32),
  PUSH_CALL_CONCURRENCY: positiveInt.max(256).default(16),
  PUSH_CREDENTIALS_DIR: z.string().optional(),
  PUSH_CREDENTIALS_SECONDS: positiveInt.max(3_600).default(10),
  APNS_PRODUCTION_URL: providerUrl.default('https://api.push.apple.com'),
  APNS_SANDBOX_URL: providerUrl.default('https://api.sandbox.push.apple.com'),
  APNS_CA: z.string().optional(),
  APNS_TEAM_ID: z.string().optional(),
  APNS_KEY_ID: z.string().optional(),
  APNS_PRIVATE_KEY: z.string().optional(),
  APNS_SANDBOX_KEY_ID: z.string().optional(),
  APNS_SANDBOX_PRIVATE_KEY: z.string().optional(),
  APNS_TOPIC: z.string().optional(),
  FCM_URL: providerUrl.default('https://fcm.googleapis.com'),
  FCM_CA: z.string().optional(),
  FCM_SERVICE_ACCOUNT: z.string().optional(),
})
export type Env = z.output<typeof Env>

export type Config = ReturnType<typeof loadConfig>

/** Throws ConfigError, also for credentials in variables that make no sense. */
export function loadConfig(env: NodeJS.ProcessEnv) {
  const parsed = parseEnv(Env, env)
  readEnvCredentials(parsed)
  return {
    http: { host: parsed.HOST, internalPort: parsed.INTERNAL_PORT },
    log: { level: parsed.LOG_LEVEL },
    tracing: loadTracing(parsed),
    redis: { url: parsed.REDIS_URL },
    internalSecret: parsed.INTERNAL_SECRET,
    messages: { urls: parsed.MESSAGES_URLS },
    concurrency: parsed.PUSH_CONCURRENCY,
    callConcurrency: parsed.PUSH_CALL_CONCURRENCY,
    credentials: {
      everyMs: parsed.PUSH_CREDENTIALS_SECONDS * 1_000,
      read: () => readCredentials(env),
    },
  }
}

/** All sets there are at this moment: files named by variables are read anew each time. */
async function readCredentials(env: NodeJS.ProcessEnv): Promise<ReadSets> {
  const parsed = parseEnv(Env, env)
  const sets = readEnvCredentials(parsed)
  if (!parsed.PUSH_CREDENTIALS_DIR) return { sets, broken: [] }
  const files = await readCredentialFiles(parsed.PUSH_CREDENTIALS_DIR)
  return { sets: [...sets, ...files.sets], broken: files.broken }
}
