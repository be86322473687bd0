import { createPrivateKey, type KeyObject } from 'node:crypto'
import {
  ConfigError,
  host,
  httpUrls,
  internalSecret,
  logLevel,
  parseEnv,
  port,
  positiveInt,
  redisUrl,
} from '@parley/shared/env'
import { z } from 'zod'
import type { ApnsConfig } from './providers/apns/apns.ts'
import type { FcmConfig } from './providers/fcm/fcm.ts'

const providerUrl = z.url({ protocol: /^https$/ })

// Each secret and certificate may come from a file instead: `X_FILE`.
export const Env = z.object({
  HOST: host,
  INTERNAL_PORT: port.default(3103),
  LOG_LEVEL: logLevel,
  REDIS_URL: redisUrl,
  INTERNAL_SECRET: internalSecret,
  MESSAGES_URLS: httpUrls,
  PUSH_CONCURRENCY: positiveInt.max(256).default(16),
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

const ServiceAccount = z.object({
  project_id: z.string().min(1),
  client_email: z.string().min(1),
  private_key: z.string().min(1),
  private_key_id: z.string().optional(),
  token_uri: providerUrl.default('https://oauth2.googleapis.com/token'),
})

export type Config = ReturnType<typeof loadConfig>

/** A provider without credentials is off; one with half of them is a mistake. Throws ConfigError. */
export function loadConfig(env: NodeJS.ProcessEnv) {
  const parsed = parseEnv(Env, env)
  return {
    http: { host: parsed.HOST, internalPort: parsed.INTERNAL_PORT },
    log: { level: parsed.LOG_LEVEL },
    redis: { url: parsed.REDIS_URL },
    internalSecret: parsed.INTERNAL_SECRET,
    messages: { urls: parsed.MESSAGES_URLS },
    concurrency: parsed.PUSH_CONCURRENCY,
    providers: { apns: apnsConfig(parsed), fcm: fcmConfig(parsed) },
  }
}

function apnsConfig(env: Env): ApnsConfig | undefined {
  const key = apnsKey(env, ['APNS_TEAM_ID', 'APNS_KEY_ID', 'APNS_PRIVATE_KEY'])
  const sandboxNames = ['APNS_SANDBOX_KEY_ID', 'APNS_SANDBOX_PRIVATE_KEY'] as const
  const ownSandboxKey = sandboxNames.some((name) => env[name] !== undefined)
  const sandboxKey = ownSandboxKey ? apnsKey(env, ['APNS_TEAM_ID', ...sandboxNames]) : key
  if (!key || !sandboxKey) {
    if (sandboxKey) throw missing('APNS_KEY_ID')
    return undefined
  }
  const everyTopic = { topics: undefined }
  return {
    sets: [
      { environment: 'production', url: env.APNS_PRODUCTION_URL, key, ...everyTopic },
      { environment: 'sandbox', url: env.APNS_SANDBOX_URL, key: sandboxKey, ...everyTopic },
    ],
    ca: env.APNS_CA,
    topic: env.APNS_TOPIC,
  }
}

type ApnsKeyNames = readonly [
  'APNS_TEAM_ID',
  'APNS_KEY_ID' | 'APNS_SANDBOX_KEY_ID',
  'APNS_PRIVATE_KEY' | 'APNS_SANDBOX_PRIVATE_KEY',
]

function apnsKey(env: Env, [teamName, keyIdName, keyName]: ApnsKeyNames) {
  const [teamId, keyId, pem] = [env[teamName], env[keyIdName], env[keyName]]
  if (!teamId && !keyId && !pem) return undefined
  if (!teamId) throw missing(teamName)
  if (!keyId) throw missing(keyIdName)
  if (!pem) throw missing(keyName)
  const privateKey = readKey(keyName, pem)
  if (privateKey.asymmetricKeyDetails?.namedCurve !== 'prime256v1') throw wrong(keyName, 'not a P-256 key')
  return { teamId, keyId, privateKey }
}

function fcmConfig(env: Env): FcmConfig | undefined {
  const text = env.FCM_SERVICE_ACCOUNT
  if (!text) return undefined
  const account = readServiceAccount(text)
  const privateKey = readKey('FCM_SERVICE_ACCOUNT', account.private_key)
  if (privateKey.asymmetricKeyType !== 'rsa') throw wrong('FCM_SERVICE_ACCOUNT', 'its key is not an RSA key')
  return {
    url: env.FCM_URL,
    ca: env.FCM_CA,
    account: {
      projectId: account.project_id,
      clientEmail: account.client_email,
      privateKeyId: account.private_key_id,
      privateKey,
      tokenUrl: account.token_uri,
    },
  }
}

function readServiceAccount(text: string) {
  const parsed = ServiceAccount.safeParse(parseJson(text))
  if (parsed.success) return parsed.data
  const fields = parsed.error.issues.map(({ path }) => path.join('.') || 'the JSON itself')
  throw wrong('FCM_SERVICE_ACCOUNT', `missing or wrong: ${fields.join(', ')}`)
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function readKey(name: string, pem: string): KeyObject {
  try {
    // A variable of one line writes its line ends as \n.
    return createPrivateKey(pem.replaceAll('\\n', '\n'))
  } catch {
    throw wrong(name, 'not a private key in PEM')
  }
}

function missing(name: string): ConfigError {
  return wrong(name, 'missing, while other credentials of the provider are there')
}

// The cause is left out of it: OpenSSL's errors may quote what they could not read.
function wrong(name: string, problem: string): ConfigError {
  return new ConfigError(`configuration is wrong\n✖ ${name}: ${problem}`)
}
