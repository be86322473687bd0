import { randomUUID } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { findFreePorts } from '@parley/local/ports'
import { startStack } from '@parley/local/stack'
import { createApi, type Person, signUp } from '@parley/testing/chat-api'
import { ChatClient } from '@parley/testing/chat-client'
import { Client } from 'pg'
import { expect, test as base, vi } from 'vitest'

/** Sockets that lose their gateway at the same moment; what a machine of CI holds beside everything else. */
const sockets = Number(process.env['PARLEY_STORM_SOCKETS'] ?? 300)
/** Over what time a gateway that goes away spreads those who come back. */
const ticketWindowMs = 4_500
/** Statements that the one message takes: its commit, its dispatch, who is to be told of it. */
const ofTheMessage = 10

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

test(`P11 ${sockets} sockets that lose their gateway at once are all back with all they missed, spread over their tickets' time, for two statements each`, async ({
  stack,
}) => {
  const api = createApi(stack.urls.app)
  await using opened = new AsyncDisposableStack()
  await stack.stop('gateway-2')
  const people: Person[] = []
  const clients: ChatClient[] = []
  while (clients.length < sockets) {
    const some = await Promise.all(Array.from({ length: 20 }, () => signUp(api)))
    people.push(...some)
    for (const person of some)
      clients.push(opened.use(new ChatClient({ url: stack.urls.app, token: () => person.token })))
    await Promise.all(clients.slice(-20).map((client) => client.connected()))
  }
  await stack.start('gateway-2')
  await logStatements(stack.urls.postgres)
  const before = await countStatements(stack.logFile('postgres'))

  const droppedAt = performance.now()
  const returns: { promisedMs: number; backAfterMs: number }[] = []
  for (const { socket } of clients) {
    let promisedMs = Number.NaN
    socket.on('session:draining', ({ reconnectAfterMs }: { reconnectAfterMs: number }) => {
      promisedMs = reconnectAfterMs
    })
    socket.on('connect', () => returns.push({ promisedMs, backAfterMs: performance.now() - droppedAt }))
  }
  await stack.stop('gateway-1')
  // Sent while nearly everybody is away: it must reach them by their sync.
  const [sender, receiver] = people
  const missed = await api.post(
    '/v1/messages',
    {
      clientMessageId: randomUUID(),
      to: { userId: receiver?.userId },
      type: 'text',
      content: { text: 'Are you there?' },
    },
    sender?.token,
  )
  expect(missed.status).toBe(201)
  await vi.waitUntil(() => returns.length === clients.length)
  await vi.waitUntil(() => clients.every(({ synced }) => synced))
  const after = await countStatements(stack.logFile('postgres'))
  // What the services ask by themselves in as much time belongs to nobody who came back.
  await wait(performance.now() - droppedAt)
  const ofTheirOwn = (await countStatements(stack.logFile('postgres'))) - after
  const statements = after - before - ofTheirOwn

  const { conversationId } = missed.body as unknown as { conversationId: string }
  await vi.waitUntil(() => clients[1]?.lastSeq(conversationId) === 1)
  expect(statements).toBeLessThanOrEqual(2 * sockets + ofTheMessage)
  // Nobody sooner than told, and those told to come fill the window from end to end.
  for (const { promisedMs, backAfterMs } of returns)
    expect(backAfterMs).toBeGreaterThanOrEqual(promisedMs - 5)
  const promised = returns.map(({ promisedMs }) => promisedMs).toSorted((a, b) => a - b)
  for (const share of [0.25, 0.5, 0.75]) {
    const at = (promised[Math.floor(sockets * share)] ?? Number.NaN) / ticketWindowMs
    expect(Math.abs(at - share)).toBeLessThan(0.15)
  }
  expect(promised.at(-1)).toBeLessThan(ticketWindowMs)
})
