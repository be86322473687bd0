import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { findFreePorts } from '@parley/local/ports'
import { type Stack, startStack } from '@parley/local/stack'
import { createApi } from '@parley/testing/chat-api'
import { findFreePort } from '@parley/testing/free-port'
import { startCrowd } from './crowd.ts'
import { gatherPeople, type People } from './people.ts'
import { type StormCase, toMarkdown } from './report.ts'
import { runStorm } from './run-storm.ts'
import { between, countStatements, query, readStatements } from './statements.ts'

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '3' },
    sockets: { type: 'string', default: '5000' },
    rooms: { type: 'string', default: '10' },
    only: { type: 'string' },
    'cpu-prof': { type: 'string' },
  },
})
const sockets = Number(values.sockets)
const rounds = Number(values.rounds)
/** How many messages a second are sent all the while, so that there is something to miss. */
const sendsPerSecond = 2
const tell = (line: string) => void process.stderr.write(`${line}\n`)
const only = values.only?.split(',')
const wanted = (name: string) => !only || only.some((part) => name.includes(part))

// What it has started ends with it.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

const cases: StormCase[] = []
if (wanted('bare')) cases.push({ name: 'bare', rounds: await bareRounds() })
if (wanted('kill') || wanted('drain')) cases.push(...(await productRounds()))
process.stdout.write(
  values.json
    ? `${JSON.stringify({ at: new Date().toISOString(), sockets, rooms: Number(values.rooms), cases }, undefined, 2)}\n`
    : `${toMarkdown(cases, sockets)}\n`,
)

/** Handshakes of stock Socket.IO, without authentication, rooms or anything to catch up on. */
async function bareRounds(): Promise<StormCase['rounds']> {
  using crowd = startCrowd()
  let here = await startDoor()
  await crowd.gather(
    here.url,
    Array.from({ length: sockets }, () => '{}'),
    { syncs: false },
  )
  const results: StormCase['rounds'] = []
  for (let round = 1; round <= rounds; round++) {
    const [from, to] = [here, await startDoor()]
    results.push(
      await runStorm(crowd, {
        returnTo: to.url,
        drop: async () => void from.child.kill('SIGKILL'),
        pids: () => ({ gateway: [to.child.pid ?? 0] }),
      }),
    )
    tell(`bare, round ${round}: all back after ${results.at(-1)?.tookMs.toFixed(0)} ms`)
    here = to
  }
  here.child.kill('SIGKILL')
  return results
}

async function startDoor(): Promise<{ url: string; child: ChildProcess }> {
  const port = await findFreePort()
  const entry = path.join(import.meta.dirname, '../bare/door.ts')
  const child = spawn(process.execPath, [entry, String(port)], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(child.stdout, 'data')
  return { url: `http://127.0.0.1:${port}`, child }
}

async function productRounds(): Promise<StormCase[]> {
  await using opened = new AsyncDisposableStack()
  const stateDir = await mkdtemp(path.join(tmpdir(), 'parley-storm-'))
  opened.defer(() => rm(stateDir, { recursive: true, force: true }))
  const overrides = {
    PASSWORD_SCRYPT_COST: '10',
    LOG_LEVEL: 'warn',
    // Everybody at once, as nobody should: what is measured is the return.
    DRAIN_MS: '0',
    ...(values['cpu-prof'] && {
      NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${path.resolve(values['cpu-prof'])}`,
    }),
  }
  const stack = opened.use(await startStack({ stateDir, ports: await findFreePorts(), overrides }))
  await countStatements(stack)
  tell(`${sockets} people in ${values.rooms} groups each are being made`)
  const people = await gatherPeople(stack.urls.messages, sockets, Number(values.rooms))
  // As autovacuum does within a minute.
  await query(stack, 'vacuum analyze')
  using crowd = startCrowd()
  let here = 0
  await crowd.gather(
    stack.urls.gateways[here] ?? '',
    people.everybody.map(({ token }) => JSON.stringify({ token, platform: 'ios', protocolVersion: 1 })),
    { syncs: true },
  )
  opened.use(keepSending(stack, people))

  const found: StormCase[] = []
  for (const how of ['kill', 'drain'] as const) {
    if (!wanted(how)) continue
    const results: StormCase['rounds'] = []
    for (let round = 1; round <= rounds; round++) {
      const from = here ? 'gateway-2' : 'gateway-1'
      here = 1 - here
      const before = await readStatements(stack)
      const result = await runStorm(crowd, {
        returnTo: stack.urls.gateways[here] ?? '',
        drop: async () => (how === 'drain' ? stack.stop(from) : stack.kill(from)),
        pids: () => pidsOf(stack, here ? 'gateway-2' : 'gateway-1'),
      })
      const ran = between(before, await readStatements(stack))
      await wait(result.tookMs)
      // What the services and the senders ask by themselves in as much time belongs to nobody who came back.
      const after = await readStatements(stack)
      await wait(result.tookMs)
      const anyway = between(after, await readStatements(stack))
      const statements = [...ran]
        .map(([text, { calls, ms }]) => ({
          text,
          each: (calls - (anyway.get(text)?.calls ?? 0)) / sockets,
          ms,
        }))
        .filter(({ each }) => each > 0.005)
        .toSorted((a, b) => b.each - a.each)
      const lacking = await untilNothingLacks(stack, people, (lastSeqs) => crowd.lacking(lastSeqs))
      results.push({ ...result, statements, lacking })
      tell(
        `${how}, round ${round}: all back and synced after ${result.tookMs.toFixed(0)} ms, ${statements.reduce((sum, { each }) => sum + each, 0).toFixed(2)} statements each, ${result.refusals} refusals, ${lacking} entries lack`,
      )
      await stack.start(from)
      await stack.whenReady(from)
    }
    found.push({ name: how, rounds: results })
  }
  return found
}

function pidsOf(stack: Stack, left: 'gateway-1' | 'gateway-2'): Record<string, number[]> {
  const of = (...names: Parameters<Stack['pid']>[0][]) => names.flatMap((name) => stack.pid(name) ?? [])
  return {
    gateway: of(left),
    messages: of('messages'),
    postgres: of('postgres'),
    redis: of('redis'),
    others: of('push', 'media', 'edge'),
  }
}

/** Owners of groups who speak on through the API while sockets fall. */
function keepSending(stack: Stack, { groups }: People): AsyncDisposable {
  const api = createApi(stack.urls.messages)
  const stop = new AbortController()
  const sending = (async () => {
    for (let i = 0; !stop.signal.aborted; i++) {
      const group = groups[i % groups.length]
      await wait(1_000 / sendsPerSecond)
      if (!group) continue
      const { conversationId, owner } = group
      const message = {
        clientMessageId: crypto.randomUUID(),
        to: { conversationId },
        type: 'text',
        content: { text: 'Is everybody there?' },
      }
      const { status } = await api.post('/v1/messages', message, owner.token)
      if (status >= 300) throw new Error(`a send was answered ${status}`)
    }
  })()
  sending.catch(() => undefined)
  return {
    async [Symbol.asyncDispose]() {
      stop.abort()
      await sending
    },
  }
}

/** Doorbells of the last moments may be on their way; what lacks after ten seconds is lost. */
async function untilNothingLacks(
  stack: Stack,
  { groups }: People,
  ask: (lastSeqs: Record<string, number>) => Promise<number>,
): Promise<number> {
  const ids = new Set(groups.map(({ conversationId }) => conversationId))
  const rows = await query(stack, 'select conversation_id, last_seq::int from messages.conversation')
  const lastSeqs = Object.fromEntries(
    rows
      .map((row) => [String(row['conversation_id']), Number(row['last_seq'])] as const)
      .filter(([id]) => ids.has(id)),
  )
  let lacking = await ask(lastSeqs)
  for (let i = 0; lacking > 0 && i < 20; i++) {
    await wait(500)
    lacking = await ask(lastSeqs)
  }
  return lacking
}
