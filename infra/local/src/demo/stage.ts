import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { parseArgs, promisify } from 'node:util'
import type { ReceivedPush } from '@parley/testing/push-simulator-log'
import { makeTemporaryDir } from '@parley/testing/temporary-dir'
import { Redis } from 'ioredis'
import { loadConfig } from '../config.ts'
import { findFreePorts } from '../ports.ts'
import { startStack } from '../stack.ts'

const run = promisify(execFile)

/** Where the demo is played: a product that runs, and a hand on its processes. */
export interface Stage extends AsyncDisposable {
  description: string
  app: string
  gateways: [string, string]
  /** What the providers' simulators have received. */
  pushes: () => Promise<ReceivedPush[]>
  /** Ends the first gateway with SIGKILL. */
  killGateway: () => Promise<void>
  /** Takes everything Redis holds away. */
  wipeRedis: () => Promise<void>
}

const options = {
  app: { type: 'string' },
  gateways: { type: 'string' },
  inspector: { type: 'string' },
  'kill-gateway': { type: 'string' },
  'wipe-redis': { type: 'string' },
} as const

/** By the command line: a stack somewhere else; else the one that `npm start` has running here; else one of its own. */
export async function findStage(args: string[], env: NodeJS.ProcessEnv): Promise<Stage> {
  const { values } = parseArgs({ args, options })
  if (values.app) return elsewhere({ ...values, app: values.app })
  const config = loadConfig(env)
  const noted = path.join(config.stateDir, 'processes.json')
  return existsSync(noted) ? running(config, noted) : ofItsOwn()
}

type Given = { [Name in keyof typeof options]?: string | undefined } & { app: string }

function elsewhere(given: Given): Stage {
  const [first = given.app, second = given.app] = given.gateways?.split(',') ?? []
  const shell = async (name: 'kill-gateway' | 'wipe-redis') => {
    const command = given[name]
    if (!command) throw new Error(`--${name} is needed: the command that does it there`)
    await run('sh', ['-c', command])
  }
  return {
    description: `the stack at ${given.app}`,
    app: given.app,
    gateways: [first, second],
    pushes: () => inspect(given.inspector ?? 'http://127.0.0.1:8090'),
    killGateway: () => shell('kill-gateway'),
    wipeRedis: () => shell('wipe-redis'),
    async [Symbol.asyncDispose]() {},
  }
}

function running({ ports, stateDir }: ReturnType<typeof loadConfig>, noted: string): Stage {
  return {
    description: `the stack running on ${stateDir}`,
    app: `http://localhost:${ports.app}`,
    gateways: [`http://127.0.0.1:${ports.gateway1}`, `http://127.0.0.1:${ports.gateway2}`],
    pushes: () => inspect(`http://127.0.0.1:${ports.inspector}`),
    async killGateway() {
      const processes = JSON.parse(readFileSync(noted, 'utf8')) as { name: string; pid: number }[]
      const gateway = processes.find(({ name }) => name === 'gateway-1')
      if (!gateway) throw new Error('the running stack has no gateway-1')
      process.kill(gateway.pid, 'SIGKILL')
    },
    wipeRedis: () => wipe(`redis://127.0.0.1:${ports.redis}`),
    async [Symbol.asyncDispose]() {},
  }
}

async function ofItsOwn(): Promise<Stage> {
  await using opened = new AsyncDisposableStack()
  const { path: stateDir } = opened.use(await makeTemporaryDir('parley-demo'))
  const stack = opened.use(
    await startStack({ stateDir, ports: await findFreePorts(), terminal: process.stdout }),
  )
  const owned = opened.move()
  return {
    description: 'a stack of its own',
    app: stack.urls.app,
    gateways: stack.urls.gateways,
    pushes: () => inspect(stack.urls.inspector ?? ''),
    killGateway: async () => stack.kill('gateway-1', 'SIGKILL'),
    wipeRedis: () => wipe(stack.urls.redis),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

async function inspect(url: string): Promise<ReceivedPush[]> {
  const response = await fetch(url, {
    headers: { accept: 'application/json' },
    signal: AbortSignal.timeout(5_000),
  })
  return ((await response.json()) as { pushes: ReceivedPush[] }).pushes
}

async function wipe(url: string): Promise<void> {
  const redis = new Redis(url)
  await redis.flushall()
  redis.disconnect()
}
