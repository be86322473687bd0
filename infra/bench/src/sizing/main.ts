import { setTimeout as wait } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { findFreePorts } from '@parley/local/ports'
import { type Stack, startStack } from '@parley/local/stack'
import { makeTemporaryDir } from '@parley/testing/temporary-dir'
import { Redis } from 'ioredis'
import { cpuMsOf } from '../cpu.ts'
import { collectGarbage } from '../idle/collect-garbage.ts'
import { residentBytes } from '../idle/resident-memory.ts'
import { slope } from '../statistics.ts'
import { startCrowd } from '../storm/crowd.ts'
import { gatherPeople } from '../storm/people.ts'
import { query } from '../storm/statements.ts'
import { fillLogs } from './fill-logs.ts'
import { sendFirst } from './send-first.ts'

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    only: { type: 'string' },
    sockets: { type: 'string', default: '5000' },
    rooms: { type: 'string', default: '10' },
    messages: { type: 'string', default: '1000000' },
    indexed: { type: 'string', default: '100000' },
  },
})
const steps = 5
/** What is only for the way is given back, and timers have run. */
const settleMs = 8_000
/** Two heartbeats of everybody. */
const idleMs = 60_000
const tell = (line: string) => void process.stderr.write(`${line}\n`)

// What it has started ends with it.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

await using opened = new AsyncDisposableStack()
const { path: stateDir } = opened.use(await makeTemporaryDir('parley-sizing'))
const overrides = { PASSWORD_SCRYPT_COST: '10', LOG_LEVEL: 'warn', SEARCH_INDEXED_PER_SECOND: '20000' }
const stack = opened.use(await startStack({ stateDir, ports: await findFreePorts(), overrides }))
const report = {
  ...(values.only !== 'messages' && { connections: await measureConnections() }),
  ...(values.only !== 'connections' && { messages: await measureMessages() }),
}
process.stdout.write(values.json ? `${JSON.stringify(report, undefined, 2)}\n` : `${toMarkdown()}\n`)

interface Reading {
  sockets: number
  gatewayBytes: number
  redisBytes: number
}

/** Idle, authenticated, each in so many groups of 50: the slope over the number of sockets, not the first megabytes of Node. */
async function measureConnections() {
  const sockets = Number(values.sockets)
  const people = await gatherPeople(stack.urls.messages, sockets, Number(values.rooms))
  using crowd = startCrowd()
  const redis = new Redis(stack.urls.redis)
  const readings: Reading[] = []
  for (let step = 1; step <= steps; step++) {
    const upTo = Math.round((sockets * step) / steps)
    const some = people.everybody.slice(Math.round((sockets * (step - 1)) / steps), upTo)
    const authJsons = some.map(({ token }) => JSON.stringify({ token, platform: 'ios', protocolVersion: 1 }))
    await crowd.gather(stack.urls.gateways[0], authJsons, { syncs: true })
    await wait(settleMs)
    await collectGarbage(stack.pid('gateway-1') ?? 0)
    const used = Number(/used_memory:(\d+)/.exec(await redis.info('memory'))?.[1])
    readings.push({
      sockets: upTo,
      gatewayBytes: await residentBytes(stack.pid('gateway-1') ?? 0),
      redisBytes: used,
    })
    tell(`${upTo} sockets: gateway ${(readings.at(-1)?.gatewayBytes ?? 0) / 1e6} MB, Redis ${used / 1e6} MB`)
  }
  redis.disconnect()
  const gateway = [stack.pid('gateway-1') ?? 0]
  const before = cpuMsOf(gateway)
  await wait(idleMs)
  const idleUsEach = ((cpuMsOf(gateway) - before) * 1_000) / sockets / (idleMs / 1_000)
  return {
    readings,
    idleUsEach,
    gatewayBytesEach: slope(readings.map(({ sockets: x, gatewayBytes: y }) => ({ x, y }))),
    redisBytesEach: slope(readings.map(({ sockets: x, redisBytes: y }) => ({ x, y }))),
  }
}

/** As sends leave them, text of some 60 bytes to a few hundred; what an index of them takes is from those that were indexed. */
async function measureMessages() {
  await sendFirst(stack)
  const before = await sizes(stack)
  const filled = await fillLogs(stack, Number(values.messages), Number(values.indexed), tell)
  const after = await sizes(stack)
  const each = (of: keyof typeof after, count: number) => (after[of] - before[of]) / count
  return {
    ...filled,
    heapBytesEach: each('heap', filled.messages),
    indexBytesEach: each('indexes', filled.messages),
    searchHeapBytesEach: each('searchHeap', filled.indexed),
    searchIndexBytesEach: each('searchIndexes', filled.indexed),
    walBytesEach: filled.walBytes / filled.messages,
  }
}

async function sizes(of: Stack) {
  const [row] = await query(
    of,
    `select
       sum(pg_table_size(c.oid)) filter (where relname like 'entry_%')::float8 as heap,
       sum(pg_indexes_size(c.oid)) filter (where relname like 'entry_%')::float8 as indexes,
       sum(pg_table_size(c.oid)) filter (where relname like 'search_document_%')::float8 as search_heap,
       sum(pg_indexes_size(c.oid)) filter (where relname like 'search_document_%')::float8 as search_indexes
     from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where n.nspname = 'messages' and c.relkind = 'r'`,
  )
  const size = (name: string) => Number(row?.[name])
  return {
    heap: size('heap'),
    indexes: size('indexes'),
    searchHeap: size('search_heap'),
    searchIndexes: size('search_indexes'),
  }
}

function toMarkdown(): string {
  const { connections, messages } = report
  const lines: [string, string][] = []
  if (connections) {
    const kb = connections.gatewayBytesEach / 1_000
    lines.push(
      [`a gateway, for an idle socket in ${values.rooms} groups`, `${kb.toFixed(1)} kB resident`],
      ['sockets in a GB', (1e6 / kb).toFixed(0)],
      ['CPU of a gateway for it, heartbeats and all', `${connections.idleUsEach.toFixed(1)} µs a second`],
      ['Redis, for the same socket', `${(connections.redisBytesEach / 1_000).toFixed(2)} kB`],
    )
  }
  if (messages) {
    lines.push(
      [
        `a message of ${messages.contentBytes.toFixed(0)} bytes of content, heap`,
        `${messages.heapBytesEach.toFixed(0)} bytes`,
      ],
      ['its indexes', `${messages.indexBytesEach.toFixed(0)} bytes`],
      ['found by search: documents', `${messages.searchHeapBytesEach.toFixed(0)} bytes`],
      ['found by search: index', `${messages.searchIndexBytesEach.toFixed(0)} bytes`],
      ['WAL of entries and their indexes', `${messages.walBytesEach.toFixed(0)} bytes`],
    )
  }
  return ['| what | measured |', '|---|---|', ...lines.map(([what, is]) => `| ${what} | ${is} |`)].join('\n')
}
