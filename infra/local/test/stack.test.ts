import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, expect, test as base } from 'vitest'
import { findFreePorts, type Ports, portVariables } from '../src/ports.ts'
import { startStack } from '../src/stack.ts'
import { processIdentity } from '../src/state/process-identity.ts'

const main = path.resolve(import.meta.dirname, '../src/main.ts')

const test = base
  .extend('dir', async ({}, { onCleanup }) => {
    const dir = mkdtempSync(path.join(tmpdir(), 'parley-stack-'))
    onCleanup(() => rmSync(dir, { recursive: true, force: true }))
    return dir
  })
  .extend('ports', () => findFreePorts())

async function createAccount(url: string, userId: string): Promise<number> {
  const response = await fetch(`${url}/v1/accounts`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ userId, password: 'correct horse battery' }),
    signal: AbortSignal.timeout(5_000),
  })
  await response.body?.cancel()
  return response.status
}

/** The status of a new Socket.IO connection over polling. */
async function handshake(url: string): Promise<number> {
  const response = await fetch(`${url}/socket.io/?EIO=4&transport=polling`)
  await response.body?.cancel()
  return response.status
}

describe('a running stack', () => {
  test('gets every part back that is killed, with the data it had', async ({ dir, ports }) => {
    await using stack = await startStack({ stateDir: dir, ports })
    const { app } = stack.urls
    expect(await createAccount(app, 'alice')).toBe(201)
    for (const name of ['postgres', 'redis', 'messages', 'media', 'push', 'gateway-1', 'edge'] as const) {
      const pid = stack.pid(name)
      stack.kill(name)
      await stack.whenReady(name)
      expect([name, stack.pid(name) === pid]).toEqual([name, false])
    }
    await expect.poll(() => createAccount(app, 'alice')).toBe(409)
    await expect.poll(() => handshake(app)).toBe(200)
  })

  test('takes new connections with one gateway, and serves pages of the simulators', async ({
    dir,
    ports,
  }) => {
    await using stack = await startStack({ stateDir: dir, ports })
    await stack.stop('gateway-1')
    for (let i = 0; i < 4; i++) expect(await handshake(stack.urls.app)).toBe(200)
    await stack.start('gateway-1')
    await stack.stop('gateway-2')
    for (let i = 0; i < 4; i++) expect(await handshake(stack.urls.app)).toBe(200)
    const inspector = await fetch(stack.urls.inspector ?? '')
    expect(await inspector.json()).toEqual({ pushes: [] })
  })

  test('is refused a directory that another one uses', async ({ dir, ports }) => {
    await using _stack = await startStack({ stateDir: dir, ports })
    await expect(startStack({ stateDir: dir, ports: await findFreePorts() })).rejects.toThrow(
      /^Parley is already running on /,
    )
  })
})

interface Started {
  child: ChildProcess
  output: () => string
}

/** `npm start` as a person runs it, without the package manager. */
function start(dir: string, ports: Ports): Started & AsyncDisposable {
  const moved = Object.entries(portVariables).map(([name, variable]) => [
    variable,
    String(ports[name as keyof Ports]),
  ])
  const env = {
    ...process.env,
    PARLEY_STATE_DIR: dir,
    ...(Object.fromEntries(moved) as Record<string, string>),
  }
  const child = spawn(process.execPath, [main], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += String(chunk)))
  return {
    child,
    output: () => output,
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill('SIGTERM')
      await once(child, 'exit')
    },
  }
}

/** Waits until it runs; one that ended instead is shown with what it said. */
async function runs({ child, output }: Started): Promise<void> {
  const state = () => (child.exitCode === null ? output().includes('Parley runs') : output())
  await expect.poll(state).toBe(true)
}

async function exitCode({ child }: Started): Promise<number | null> {
  if (child.exitCode === null) await once(child, 'exit')
  return child.exitCode
}

function pids(dir: string): number[] {
  const list = JSON.parse(readFileSync(path.join(dir, 'processes.json'), 'utf8')) as { pid: number }[]
  return list.map(({ pid }) => pid)
}

const alive = (numbers: number[]) => numbers.filter((pid) => processIdentity(pid) !== undefined)

describe('npm start', () => {
  test('stops everything within ten seconds of a signal and keeps the data', async ({ dir, ports }) => {
    const url = `http://127.0.0.1:${ports.app}`
    {
      await using first = start(dir, ports)
      await runs(first)
      expect(await createAccount(url, 'alice')).toBe(201)
      const running = pids(dir)
      expect(running).toHaveLength(8)
      const since = performance.now()
      first.child.kill('SIGINT')
      first.child.kill('SIGINT')
      expect(await exitCode(first)).toBe(0)
      expect(performance.now() - since).toBeLessThan(10_000)
      expect(alive(running)).toEqual([])
    }
    await using second = start(dir, ports)
    await runs(second)
    expect(await createAccount(url, 'alice')).toBe(409)
  })

  test('ends what a killed one left behind, and has its data', async ({ dir, ports }) => {
    const url = `http://127.0.0.1:${ports.app}`
    const first = start(dir, ports)
    await runs(first)
    expect(await createAccount(url, 'alice')).toBe(201)
    const left = pids(dir)
    first.child.kill('SIGKILL')
    await once(first.child, 'exit')
    expect(alive(left)).toHaveLength(8)
    await using second = start(dir, ports)
    await runs(second)
    expect(second.output()).toContain('ended what the last run left behind')
    expect(alive(left)).toEqual([])
    expect(await createAccount(url, 'alice')).toBe(409)
  })

  test('says in one sentence that the data directory is broken', async ({ dir, ports }) => {
    mkdirSync(path.join(dir, 'postgres'))
    writeFileSync(path.join(dir, 'postgres', 'something'), '')
    await using first = start(dir, ports)
    expect(await exitCode(first)).toBe(1)
    expect(first.output()).toBe(
      `\nParley did not start: ${dir}/postgres is not a PostgreSQL data directory: restore it from a copy, or remove it to begin empty\n`,
    )
    writeFileSync(path.join(dir, 'postgres', 'PG_VERSION'), '18\n')
    await using second = start(dir, ports)
    expect(await exitCode(second)).toBe(1)
    expect(second.output()).toMatch(
      /the database in .*\/postgres does not start \(.+\): restore the directory/,
    )
  })

  test('says in one sentence that a variable is wrong', async ({ dir, ports }) => {
    await using started = start(dir, { ...ports, app: 99_999 })
    expect(await exitCode(started)).toBe(1)
    expect(started.output()).toMatch(/^\nParley did not start: configuration is wrong\n.*\n.*PARLEY_PORT\n$/)
  })
})
