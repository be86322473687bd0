import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { findFreePorts } from '@parley/local/ports'
import { startStack } from '@parley/local/stack'
import { createApi, signUp } from '@parley/testing/chat-api'
import { ChatClient } from '@parley/testing/chat-client'
import { Client } from 'pg'
import { expect, test as base, vi } from 'vitest'

/** Sockets that lose their gateway at the same moment; what a machine of CI holds beside everything else. */
const sockets = Number(process.env['PARLEY_STORM_SOCKETS'] ?? 300)
/** Over what time a gateway that goes away spreads those who come back. */
const ticketWindowMs = 5_000

const test = base.extend('stack', { scope: 'file' }, async ({}, { onCleanup }) => {
  const opened = new AsyncDisposableStack()
  onCleanup(() => opened.disposeAsync())
  const stateDir = await mkdtemp(path.join(tmpdir(), 'parley-storm-'))
  opened.defer(() => rm(stateDir, { recursive: true, force: true }))
  const overrides = { PASSWORD_SCRYPT_COST: '10', DRAIN_MS: '0' }
  return opened.use(await startStack({ stateDir, ports: await findFreePorts(), overrides }))
})

async function logStatements(url: string): Promise<void> {
  const client = new Client({ connectionString: url })
  await client.connect()
  await client.query("alter system set log_statement = 'all'")
  await client.query('select pg_reload_conf()')
  await client.end()
}

async function countStatements(logFile: string): Promise<number> {
  const log = await readFile(logFile, 'utf8')
  return log.match(/LOG: {2}(?:execute|statement)/g)?.length ?? 0
}

test(`P11 ${sockets} sockets that lose their gateway at once are back and synced within their tickets' time, for two statements each`, async ({
  stack,
}) => {
  const api = createApi(stack.urls.app)
  await using opened = new AsyncDisposableStack()
  await stack.stop('gateway-2')
  const clients: ChatClient[] = []
  while (clients.length < sockets) {
    const people = await Promise.all(Array.from({ length: 20 }, () => signUp(api)))
    for (const person of people)
      clients.push(opened.use(new ChatClient({ url: stack.urls.app, token: () => person.token })))
    await Promise.all(clients.slice(-20).map((client) => client.connected()))
  }
  await stack.start('gateway-2')
  await logStatements(stack.urls.postgres)
  const before = await countStatements(stack.logFile('postgres'))

  const droppedAt = performance.now()
  const backAfterMs: number[] = []
  for (const { socket } of clients)
    socket.on('connect', () => backAfterMs.push(performance.now() - droppedAt))
  await stack.stop('gateway-1')
  await vi.waitUntil(() => backAfterMs.length === clients.length, { timeout: 60_000 })
  await vi.waitUntil(() => clients.every(({ synced }) => synced), { timeout: 60_000 })
  const after = await countStatements(stack.logFile('postgres'))
  // What the services ask by themselves in as much time belongs to nobody who came back.
  await wait(performance.now() - droppedAt)
  const ofTheirOwn = (await countStatements(stack.logFile('postgres'))) - after
  const statements = after - before - ofTheirOwn

  const sorted = backAfterMs.toSorted((a, b) => a - b)
  expect(sorted[Math.floor(sockets * 0.99)]).toBeLessThan(ticketWindowMs + 1_000)
  expect(statements / sockets).toBeLessThanOrEqual(2)
})
