import { setTimeout as wait } from 'node:timers/promises'
import { findFreePorts } from '@parley/local/ports'
import { type Stack, startStack } from '@parley/local/stack'
import { makeTemporaryDir } from '@parley/testing/temporary-dir'
import { startCrowd } from './crowd.ts'
import { keepSending } from './keep-sending.ts'
import { gatherPeople, type People } from './people.ts'
import type { StormRound } from './report.ts'
import { runStorm } from './run-storm.ts'
import { between, countStatements, query, readStatements, type Statements } from './statements.ts'

export interface ProductSide extends AsyncDisposable {
  /** Ends the gateway everybody is on; all come to the other. */
  storm: (how: 'kill' | 'drain') => Promise<StormRound>
  /** Its clients included. */
  pids: () => number[]
}

interface ProductOptions {
  sockets: number
  rooms: number
  /** Of every service. */
  environment: Record<string, string>
}

/** Statements that fewer asked for belong to the noise. */
const seldom = 0.005

/** The product with everybody on one of its two gateways. */
export async function openProductSide({ sockets, rooms, environment }: ProductOptions): Promise<ProductSide> {
  await using opened = new AsyncDisposableStack()
  const { path: stateDir } = opened.use(await makeTemporaryDir('parley-storm'))
  const overrides = {
    PASSWORD_SCRYPT_COST: '10',
    LOG_LEVEL: 'warn',
    // Everybody at once, as nobody should: what is measured is the return.
    DRAIN_MS: '0',
    ...environment,
  }
  const stack = opened.use(await startStack({ stateDir, ports: await findFreePorts(), overrides }))
  await countStatements(stack)
  const people = await gatherPeople(stack.urls.messages, sockets, rooms)
  // As autovacuum does within a minute.
  await query(stack, 'vacuum analyze')
  const crowd = opened.use(startCrowd())
  let here = 0
  await crowd.gather(
    stack.urls.gateways[here] ?? '',
    people.everybody.map(({ token }) => JSON.stringify({ token, platform: 'ios', protocolVersion: 1 })),
    { syncs: true },
  )
  opened.use(keepSending(stack, people))
  const owned = opened.move()
  return {
    async storm(how) {
      const from = here ? 'gateway-2' : 'gateway-1'
      here = 1 - here
      const before = await readStatements(stack)
      const result = await runStorm(crowd, {
        returnTo: stack.urls.gateways[here] ?? '',
        drop: () => {
          if (how === 'kill') stack.kill(from)
          // What takes the place of a lost node starts on another machine; here it would take a third of this one.
          return stack.stop(from)
        },
        pids: () => ({ ...pidsOf(stack, here ? 'gateway-2' : 'gateway-1'), clients: [crowd.pid] }),
      })
      const ran = between(before, await readStatements(stack))
      await wait(result.tookMs)
      // What the services and the senders ask by themselves in as much time belongs to nobody who came back.
      const after = await readStatements(stack)
      await wait(result.tookMs)
      const anyway = between(after, await readStatements(stack))
      const lacking = await untilNothingLacks(stack, people, (lastSeqs) => crowd.lacking(lastSeqs))
      await stack.start(from)
      await stack.whenReady(from)
      return { ...result, statements: eachAsked(ran, anyway, sockets), lacking }
    },
    pids: () => [...stack.pids(), crowd.pid],
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

function eachAsked(ran: Statements, anyway: Statements, sockets: number) {
  return [...ran]
    .map(([text, { calls, ms }]) => ({
      text,
      each: (calls - (anyway.get(text)?.calls ?? 0)) / sockets,
      ms,
    }))
    .filter(({ each }) => each > seldom)
    .toSorted((a, b) => b.each - a.each)
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
