import { ConfigError } from '@parley/shared/env'
import { z } from 'zod'
import { type CredentialSet, readCredentialSet } from './credential-set.ts'

/** One set for each provider that variables can describe; more of them come from files. */
export interface CredentialVariables {
  APNS_PRODUCTION_URL: string
  APNS_SANDBOX_URL: string
  APNS_CA?: string | undefined
  APNS_TEAM_ID?: string | undefined
  APNS_KEY_ID?: string | undefined
  APNS_PRIVATE_KEY?: string | undefined
  APNS_SANDBOX_KEY_ID?: string | undefined
  APNS_SANDBOX_PRIVATE_KEY?: string | undefined
  APNS_TOPIC?: string | undefined
  FCM_URL: string
  FCM_CA?: string | undefined
  FCM_SERVICE_ACCOUNT?: string | undefined
}

/**
 * A provider without variables is off; one with half of them is a mistake. Throws ConfigError, which names them. The
 * sets have names that no file can have.
 */
export function readEnvCredentials(env: CredentialVariables): CredentialSet[] {
  return [...apnsSets(env), ...fcmSets(env)]
}

function apnsSets(env: CredentialVariables): CredentialSet[] {
  const key = apnsKey(env, ['APNS_TEAM_ID', 'APNS_KEY_ID', 'APNS_PRIVATE_KEY'])
  const sandboxNames = ['APNS_SANDBOX_KEY_ID', 'APNS_SANDBOX_PRIVATE_KEY'] as const
  const ownSandboxKey = sandboxNames.some((name) => env[name] !== undefined)
  const sandboxKey = ownSandboxKey ? apnsKey(env, ['APNS_TEAM_ID', ...sandboxNames]) : key
  if (!key || !sandboxKey) {
    if (sandboxKey) throw missing('APNS_KEY_ID')
    return []
  }
  const common = { provider: 'apns', ca: env.APNS_CA, topic: env.APNS_TOPIC }
  return [
    set(
      'env:apns-production',
      { ...common, ...key, environment: 'production', url: env.APNS_PRODUCTION_URL },
      { privateKey: 'APNS_PRIVATE_KEY' },
    ),
    set(
      'env:apns-sandbox',
      { ...common, ...sandboxKey, environment: 'sandbox', url: env.APNS_SANDBOX_URL },
      { privateKey: ownSandboxKey ? 'APNS_SANDBOX_PRIVATE_KEY' : 'APNS_PRIVATE_KEY' },
    ),
  ]
}

type ApnsKeyNames = readonly [
  'APNS_TEAM_ID',
  'APNS_KEY_ID' | 'APNS_SANDBOX_KEY_ID',
  'APNS_PRIVATE_KEY' | 'APNS_SANDBOX_PRIVATE_KEY',
]

function apnsKey(env: CredentialVariables, [teamName, keyIdName, keyName]: ApnsKeyNames) {
  const [teamId, keyId, privateKey] = [env[teamName], env[keyIdName], env[keyName]]
  if (!teamId && !keyId && !privateKey) return undefined
  if (!teamId) throw missing(teamName)
  if (!keyId) throw missing(keyIdName)
  if (!privateKey) throw missing(keyName)
  return { teamId, keyId, privateKey }
}

function fcmSets(env: CredentialVariables): CredentialSet[] {
  const text = env.FCM_SERVICE_ACCOUNT
  if (!text) return []
  const raw = { provider: 'fcm', serviceAccount: parseJson(text), url: env.FCM_URL, ca: env.FCM_CA }
  return [set('env:fcm', raw, { serviceAccount: 'FCM_SERVICE_ACCOUNT' })]
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Reads a set, and says of what is wrong with it which variable it came from. */
function set(name: string, raw: object, variables: Record<string, string>): CredentialSet {
  try {
    return readCredentialSet(name, raw)
  } catch (err) {
    if (!(err instanceof z.ZodError)) throw err
    const [issue] = err.issues
    const [field = '', ...rest] = issue?.path.map(String) ?? []
    const where = rest.length > 0 ? `${rest.join('.')}: ` : ''
    throw wrong(variables[field] ?? `${name} ${field}`, `${where}${issue?.message ?? 'wrong'}`)
  }
}

function missing(name: string): ConfigError {
  return wrong(name, 'missing, while other credentials of the provider are there')
}

function wrong(name: string, problem: string): ConfigError {
  return new ConfigError(`configuration is wrong\n✖ ${name}: ${problem}`)
}
