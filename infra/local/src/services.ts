import { execFile } from 'node:child_process'
import path from 'node:path'
import { promisify } from 'node:util'
import type { Ports, SecondPorts } from './ports.ts'
import type { ProcessPlan } from './processes/supervised-process.ts'
import { StackError } from './stack-error.ts'
import type { Secrets } from './state/secrets.ts'

const run = promisify(execFile)
const root = path.resolve(import.meta.dirname, '../../..')

export type Environment = Record<string, string>

export interface ServiceSettings {
  ports: Ports
  second: SecondPorts | undefined
  secrets: Secrets
  databaseUrl: string
  mediaDir: string
  compileCacheDir: string
  logLevel: string
  /** The origin clients use. */
  publicUrl: string
  /** Origins a browser may connect from, separated by commas. */
  allowedOrigins: string
  /** What the person who starts the stack has in the environment; our own settings win over it. */
  inherited: NodeJS.ProcessEnv
  /** The last word, for tests and benches. */
  overrides: Environment
  /** Where the push providers are, or their simulators. */
  pushEnv: Environment
  /** The page of the push simulators, if they run. */
  inspectorUrl: string | undefined
  /** The address that what clients reach listens on. */
  host: string
}

const loopback = (port: number) => `http://127.0.0.1:${port}`
const readyUrls = (urls: string[]) => urls.map((url) => `${url}/readyz`).join(',')

/** The environment of every process that runs our code. */
export function serviceEnvironments(settings: ServiceSettings): Record<string, Environment> {
  const { ports, second, secrets, databaseUrl, mediaDir, publicUrl, allowedOrigins, pushEnv } = settings
  const each = (name: keyof SecondPorts) => [ports[name], ...(second ? [second[name]] : [])].map(loopback)
  const common = {
    HOST: '127.0.0.1',
    LOG_LEVEL: settings.logLevel,
    INTERNAL_SECRET: secrets.internalSecret,
    REDIS_URL: `redis://127.0.0.1:${ports.redis}`,
    NODE_COMPILE_CACHE: settings.compileCacheDir,
    ALLOWED_ORIGINS: allowedOrigins,
  }
  const callers = {
    MESSAGES_URLS: each('messagesInternal').join(','),
    // Through the origin where there are two, so that either may be away.
    AUTH_JWKS_URL: `${loopback(second ? ports.app : ports.messages)}/v1/jwks`,
  }
  const gateway = (id: string, port: number, internalPort: number) => ({
    ...common,
    ...callers,
    HOST: settings.host,
    GATEWAY_ID: id,
    // Nothing here balances load over many gateways, so whoever stops the stack need not wait.
    DRAIN_MS: settings.inherited['DRAIN_MS'] ?? '500',
    PORT: String(port),
    INTERNAL_PORT: String(internalPort),
  })
  const messages = (port: number, internalPort: number) => ({
    ...common,
    PORT: String(port),
    INTERNAL_PORT: String(internalPort),
    DATABASE_URL: databaseUrl,
    MEDIA_URL: loopback(ports.mediaInternal),
    AUTH_SIGNING_KEY_FILE: secrets.signingKeyFile,
    TRUSTED_PROXIES: 'loopback',
    // Everybody who tries the stack out, or puts load on it, comes from the same machine.
    SIGN_UPS_PER_ADDRESS: settings.inherited['SIGN_UPS_PER_ADDRESS'] ?? '1000000',
    LOG_INS_PER_ADDRESS: settings.inherited['LOG_INS_PER_ADDRESS'] ?? '1000000',
  })
  const media = (port: number, internalPort: number) => ({
    ...common,
    ...callers,
    PORT: String(port),
    INTERNAL_PORT: String(internalPort),
    DATABASE_URL: databaseUrl,
    PUBLIC_URL: publicUrl,
    LINK_SECRET: secrets.linkSecret,
    STORAGE: 'fs',
    STORAGE_FS_PATH: mediaDir,
    // Without a bound glibc keeps what each of the process's threads once needed.
    MALLOC_ARENA_MAX: '2',
  })
  const push = (internalPort: number) => ({
    ...common,
    ...callers,
    INTERNAL_PORT: String(internalPort),
    ...pushEnv,
  })
  const own: Record<string, Environment> = {
    messages: messages(ports.messages, ports.messagesInternal),
    media: media(ports.media, ports.mediaInternal),
    push: push(ports.pushInternal),
    ...(second && {
      'messages-2': messages(second.messages, second.messagesInternal),
      'media-2': media(second.media, second.mediaInternal),
      'push-2': push(second.pushInternal),
    }),
    'gateway-1': gateway('g1', ports.gateway1, ports.gateway1Internal),
    'gateway-2': gateway('g2', ports.gateway2, ports.gateway2Internal),
    edge: {
      HOST: settings.host,
      LOG_LEVEL: settings.logLevel,
      NODE_COMPILE_CACHE: settings.compileCacheDir,
      PORT: String(ports.app),
      MESSAGES_URLS: each('messages').join(','),
      MESSAGES_READY_URLS: readyUrls(each('messagesInternal')),
      MEDIA_URLS: each('media').join(','),
      MEDIA_READY_URLS: readyUrls(each('mediaInternal')),
      GATEWAY_URLS: `${loopback(ports.gateway1)},${loopback(ports.gateway2)}`,
      GATEWAY_READY_URLS: readyUrls([ports.gateway1Internal, ports.gateway2Internal].map(loopback)),
      ...(settings.inspectorUrl ? { INSPECTOR_URL: settings.inspectorUrl } : {}),
    },
  }
  return Object.fromEntries(
    Object.entries(own).map(([name, env]) => [
      name,
      { ...inheritable(settings.inherited), ...env, ...settings.overrides },
    ]),
  )
}

/** A service of the workspace as a process, ready when the address it is asked at says so. */
export function nodePlan(name: string, entry: string, env: Environment, readyUrl: string): ProcessPlan {
  return {
    name,
    command: async () => ({ file: process.execPath, args: [entry], options: { cwd: root, env } }),
    async ready() {
      const response = await fetch(readyUrl, { signal: AbortSignal.timeout(2_000) })
      await response.body?.cancel()
      if (!response.ok) throw new Error(`${readyUrl} answers ${response.status}`)
    },
    // A gateway closes its sockets over DRAIN_MS, others answer for DRAIN_WAIT_MS, before they end.
    graceMs: 4_000 + Math.max(Number(env['DRAIN_MS'] ?? 0), Number(env['DRAIN_WAIT_MS'] ?? 0)),
  }
}

export const entryOf = {
  messages: 'services/messages/src/main.ts',
  media: 'services/media/src/main.ts',
  push: 'services/push/src/main.ts',
  gateway: 'services/gateway/src/main.ts',
  edge: 'infra/local/src/edge/main.ts',
} as const

/** Brings a service's schema to its newest version, in a process that ends. */
export async function runMigration(
  service: 'messages' | 'media',
  env: Environment,
  onLine: (line: string) => void,
): Promise<void> {
  const entry = `services/${service}/src/migrate.ts`
  try {
    const { stdout } = await run(process.execPath, [entry], { cwd: root, env, timeout: 120_000 })
    for (const line of stdout.split('\n')) if (line) onLine(line)
  } catch (cause) {
    const { stdout = '', stderr = '' } = cause as { stdout?: string; stderr?: string }
    for (const line of `${stdout}\n${stderr}`.split('\n')) if (line) onLine(line)
    throw new StackError(
      `the schema of ${service} could not be brought up to date; the log is logs/migrate-${service}.log beside the data`,
      { cause },
    )
  }
}

// What the package manager and other programs put there is not for our services.
const notInherited = /^(npm_|TEST_|PARLEY_|VITEST|DATABASE_URL$|REDIS_URL$|PORT$|INIT_CWD$|NODE_OPTIONS$)/

function inheritable(env: NodeJS.ProcessEnv): Environment {
  return Object.fromEntries(
    Object.entries(env).filter(
      (entry): entry is [string, string] => entry[1] !== undefined && !notInherited.test(entry[0]),
    ),
  )
}
