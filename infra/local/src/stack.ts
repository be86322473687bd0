import { styleText } from 'node:util'
import { checkPorts, type Ports, type SecondPorts } from './ports.ts'
import { ensureDatabase, explainPostgres, postgresPlan, postgresUrl, preparePostgres } from './postgres.ts'
import { LogFiles } from './processes/log-files.ts'
import { type ProcessPlan, SupervisedProcess } from './processes/supervised-process.ts'
import { openPushProviders } from './push-providers.ts'
import { explainRedis, redisPlan } from './redis.ts'
import { type Environment, entryOf, nodePlan, runMigration, serviceEnvironments } from './services.ts'
import { StackError } from './stack-error.ts'
import { loadSecrets } from './state/secrets.ts'
import { StateDir } from './state/state-dir.ts'

export interface StackOptions {
  /** Absolute. Everything the stack keeps lies here. */
  stateDir: string
  ports: Ports
  /** Runs messages, media and push twice, as gateways are, the second ones here. */
  second?: SecondPorts
  host?: string
  /** What the services inherit; the stack's own settings win over it. */
  inherited?: NodeJS.ProcessEnv
  /** The last word on the environment of every service. */
  overrides?: Environment
  /** Of the services; pino's names. */
  logLevel?: string
  /** Where progress, and log lines of `terminalLevel` and above, are shown; nowhere if left out. */
  terminal?: NodeJS.WritableStream
  terminalLevel?: number
  colour?: boolean
  /** Gives up a start that is under way, between two stages. */
  signal?: AbortSignal
}

const processNames = [
  'postgres',
  'redis',
  'messages',
  'media',
  'push',
  'messages-2',
  'media-2',
  'push-2',
  'gateway-1',
  'gateway-2',
  'edge',
] as const
export type ProcessName = (typeof processNames)[number]

export interface Stack extends AsyncDisposable {
  urls: {
    /** The one origin clients use. */
    app: string
    gateways: [string, string]
    messages: string
    messagesInternal: string
    media: string
    postgres: string
    redis: string
    /** What the push simulators received; absent with real providers. */
    inspector?: string
  }
  internalSecret: string
  logFile: (name: ProcessName) => string
  pid: (name: ProcessName) => number | undefined
  /** Of everything that runs. */
  pids: () => number[]
  /** Sends a signal, SIGKILL unless told otherwise; a process that dies of it is started again. */
  kill: (name: ProcessName, signal?: NodeJS.Signals) => void
  stop: (name: ProcessName) => Promise<void>
  start: (name: ProcessName) => Promise<void>
  restart: (name: ProcessName) => Promise<void>
  /** Resolves when the process does its work, at once or after the start that is under way. */
  whenReady: (name: ProcessName) => Promise<void>
}

/**
 * The whole product on one machine, each part a process that is started again when it dies. Throws a
 * `StackError` that says in one sentence what is in the way; then nothing is left running.
 */
export async function startStack(options: StackOptions): Promise<Stack> {
  const { stateDir, ports, host = '127.0.0.1', inherited = {}, terminal, colour = false } = options
  await using opened = new AsyncDisposableStack()
  const tell = (line: string) => void terminal?.write(`${line}\n`)
  const step = (text: string) =>
    tell(`${colour ? styleText('green', '·', { validateStream: false }) : '·'} ${text}`)

  const state = opened.use(new StateDir(stateDir))
  const leftovers = await state.endLeftovers()
  if (leftovers.length > 0) step(`ended what the last run left behind: ${leftovers.join(', ')}`)
  await checkPorts(ports)
  const logs = opened.use(new LogFiles({ ...options, dir: state.privateDir('logs') }))
  const secrets = loadSecrets(state.path('secrets'))

  const processes = new Map<ProcessName, SupervisedProcess>()
  const supervise = (name: ProcessName, plan: ProcessPlan) => {
    const supervised = new SupervisedProcess(plan, {
      onLine: (line) => logs.write(name, line),
      onNews: (news) => tell(news),
      onPid: (pid) => state.note(name, pid, plan.stopSignal ?? 'SIGTERM'),
    })
    processes.set(name, supervised)
    return supervised
  }
  const get = (name: ProcessName) => {
    const found = processes.get(name)
    if (!found) throw new Error(`${name} is not part of this stack`)
    return found
  }
  /** Those of one stage start side by side, and stop side by side before those of the stage before. */
  const startStage = async (stage: SupervisedProcess[]) => {
    options.signal?.throwIfAborted()
    opened.defer(async () => void (await Promise.all(stage.map((it) => it.stop()))))
    await Promise.all(stage.map((it) => it.start().catch((cause: unknown) => explain(it, cause))))
  }
  const explain = (it: SupervisedProcess, cause: unknown): never => {
    if (it.name === 'postgres') throw explainPostgres(postgres.dataDir, cause)
    if (it.name === 'redis') throw explainRedis(redisDir, cause)
    const output = (cause as Error).message.trim()
    throw new StackError(`${it.name} does not start; its log is ${logs.pathOf(it.name)}\n${output}`, {
      cause,
    })
  }

  const postgres = {
    dataDir: state.path('postgres'),
    port: ports.postgres,
    password: secrets.postgresPassword,
  }
  const redisDir = state.privateDir('redis')
  await preparePostgres(postgres)
  await startStage([
    supervise('postgres', postgresPlan(postgres)),
    supervise('redis', redisPlan({ dataDir: redisDir, port: ports.redis })),
  ])
  await ensureDatabase(postgres)
  step(`PostgreSQL on port ${ports.postgres}, Redis on port ${ports.redis}`)

  const providers = opened.use(
    await openPushProviders(inherited, { inspectorPort: ports.inspector, stateDir: state.path('push') }),
  )
  const publicUrl = `http://localhost:${ports.app}`
  const environments = serviceEnvironments({
    ports,
    second: options.second,
    secrets,
    host,
    inherited,
    publicUrl,
    allowedOrigins: [publicUrl, `http://127.0.0.1:${ports.app}`, inherited['ALLOWED_ORIGINS'] ?? ''].join(),
    databaseUrl: postgresUrl(postgres),
    mediaDir: state.privateDir('media'),
    compileCacheDir: state.path('cache'),
    logLevel: options.logLevel ?? 'info',
    overrides: options.overrides ?? {},
    pushEnv: providers.env,
    inspectorUrl: providers.inspectorUrl,
  })
  const envOf = (name: ProcessName) => environments[name] ?? {}

  await Promise.all(
    (['messages', 'media'] as const).map((service) =>
      runMigration(service, envOf(service), (line) => logs.write(`migrate-${service}`, line)),
    ),
  )
  step('schemas of messages and media up to date')

  const node = (name: ProcessName, entry: keyof typeof entryOf, port: number, path = '/readyz') =>
    supervise(name, nodePlan(name, entryOf[entry], envOf(name), `http://127.0.0.1:${port}${path}`))
  const { second } = options
  await startStage([
    ...(second
      ? [
          node('messages-2', 'messages', second.messagesInternal),
          node('media-2', 'media', second.mediaInternal),
          node('push-2', 'push', second.pushInternal),
        ]
      : []),
    node('messages', 'messages', ports.messagesInternal),
    node('media', 'media', ports.mediaInternal),
    node('push', 'push', ports.pushInternal),
    node('gateway-1', 'gateway', ports.gateway1Internal),
    node('gateway-2', 'gateway', ports.gateway2Internal),
    node('edge', 'edge', ports.app, '/'),
  ])
  step('messages, media, push, two gateways and the origin in front of them')

  const owned = opened.move()
  return {
    urls: {
      app: publicUrl,
      gateways: [`http://127.0.0.1:${ports.gateway1}`, `http://127.0.0.1:${ports.gateway2}`],
      messages: `http://127.0.0.1:${ports.messages}`,
      messagesInternal: `http://127.0.0.1:${ports.messagesInternal}`,
      media: `http://127.0.0.1:${ports.media}`,
      postgres: postgresUrl(postgres),
      redis: `redis://127.0.0.1:${ports.redis}`,
      ...(providers.inspectorUrl ? { inspector: providers.inspectorUrl } : {}),
    },
    internalSecret: secrets.internalSecret,
    logFile: (name) => logs.pathOf(name),
    pid: (name) => get(name).pid,
    pids: () => [...processes.values()].flatMap(({ pid }) => pid ?? []),
    kill: (name, signal) => get(name).kill(signal),
    stop: (name) => get(name).stop(),
    start: (name) => get(name).start(),
    restart: (name) => get(name).restart(),
    whenReady: (name) => get(name).whenReady(),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}
