import { createLogger } from '@parley/shared/log'
import { openPool, queryBuilder } from '@parley/shared/postgres'
import { connectSoon, openRedis } from '@parley/shared/redis'
import { createDatabase, startPostgres } from '@parley/testing/postgres'
import { startPrivateRedis } from '@parley/testing/redis'
import fc from 'fast-check'
import { test as base, expect, vi } from 'vitest'
import { migrate, schema } from '../services/messages/src/db/database.ts'
import type { Database } from '../services/messages/src/db/schema.ts'
import { createMessageTypes } from '../services/messages/src/message-types/message-types.ts'
import type { Fate } from './push-world/provider.ts'
import { createWorld, type World } from './push-world/world.ts'

const log = createLogger('test', { level: 'silent' })
const runs = Number(process.env['PARLEY_PROPERTY_RUNS'] ?? 60)

const test = base.extend('stores', { scope: 'file' }, async ({}, { onCleanup }) => {
  const opened = new AsyncDisposableStack()
  onCleanup(() => opened.disposeAsync())
  const postgres = opened.use(await startPostgres())
  const database = opened.use(await createDatabase(postgres.url))
  await migrate(database, log)
  // One connection: what is asked at the same time is answered in the order of asking, so that a seed says all.
  const pool = opened.adopt(openPool({ url: database.url, poolSize: 1, schema }, log), (it) => it.end())
  await pool.query(withoutAutovacuum)
  const server = opened.use(await startPrivateRedis())
  const redis = opened.adopt(openRedis({ url: server.url }, log), (client) => client.disconnect())
  const db = queryBuilder<Database>(pool)
  await connectSoon(redis)
  const { wipe: wipeRedis } = server
  return { pool, db, redis, wipeRedis, messageTypes: opened.use(createMessageTypes({ log, db })) }
})

/** Transactions of anybody else show in snapshots, and so in what counts as having been on its way together. */
const withoutAutovacuum = `do $$
declare one regclass;
begin
  for one in select oid from pg_class where relkind = 'r' and relnamespace = current_schema()::regnamespace loop
    execute format('alter table %s set (autovacuum_enabled = false)', one);
  end loop;
end $$`

type Happening = [name: string, happen: (world: World) => void | Promise<void>]

const who = fc.nat(2)
const where = fc.constantFrom('direct' as const, 'group' as const)
const happening: fc.Arbitrary<Happening> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc
      .tuple(where, who)
      .map(([kind, from]): Happening => [`send ${kind} ${from}`, (it) => it.send(kind, from)]),
  },
  {
    weight: 3,
    arbitrary: fc
      .tuple(who, where)
      .map(([user, kind]): Happening => [`read ${user} ${kind}`, (it) => it.read(user, kind)]),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(who, where)
      .map(([user, kind]): Happening => [`ack ${user} ${kind}`, (it) => it.acknowledge(user, kind)]),
  },
  {
    weight: 1,
    arbitrary: fc.nat(5).map((which): Happening => [`recall ${which}`, (it) => it.recall(which)]),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(who, fc.nat(1), fc.boolean())
      .map(([user, gateway, front]): Happening => [
        `connect ${user} ${gateway} ${front}`,
        (it) => it.connect(user, gateway, front),
      ]),
  },
  { weight: 1, arbitrary: who.map((user): Happening => [`disconnect ${user}`, (it) => it.disconnect(user)]) },
  {
    weight: 1,
    arbitrary: fc.nat(1).map((which): Happening => [`gateway ${which} dies`, (it) => it.gatewayDies(which)]),
  },
  {
    weight: 3,
    arbitrary: fc
      .constantFrom(100, 2_500, 9_000, 20_000)
      .map((ms): Happening => [`${ms} ms pass`, (it) => it.timePasses(ms)]),
  },
  { weight: 6, arbitrary: fc.constant<Happening>(['look', (it) => it.look()]) },
  { weight: 6, arbitrary: fc.constant<Happening>(['work', (it) => it.work()]) },
  {
    weight: 10,
    arbitrary: fc
      .integer({ min: 1, max: 6 })
      .map((steps): Happening => [`${steps} steps`, (it) => it.proceed(steps)]),
  },
  { weight: 2, arbitrary: fc.constant<Happening>(['take back', (it) => it.takeBack()]) },
  { weight: 2, arbitrary: fc.constant<Happening>(['sweep', (it) => it.sweep()]) },
  { weight: 1, arbitrary: fc.constant<Happening>(['stall', (it) => it.stall()]) },
  { weight: 1, arbitrary: fc.constant<Happening>(['kill', (it) => it.kill()]) },
  { weight: 1, arbitrary: fc.constant<Happening>(['wipe', (it) => it.wipe()]) },
)

const fates = fc.infiniteStream(
  fc.oneof(
    { weight: 6, arbitrary: fc.constant<Fate>('accepted') },
    { weight: 6, arbitrary: fc.constantFrom<Fate>('failed', 'arrived-unknown', 'lost-unknown') },
    { weight: 1, arbitrary: fc.constantFrom<Fate>('refused', 'dead') },
  ),
)
/** Most pushes go out when all else works again; of those only so many may fare badly, or there would be no end. */
const fatesWhileHealing = 30

interface Life {
  scheduler: fc.Scheduler
  happenings: Happening[]
  fate: fc.Stream<Fate>
}

const life: fc.Arbitrary<Life> = fc.record({
  scheduler: fc.scheduler(),
  happenings: fc.array(happening, { minLength: 5, maxLength: 60, size: 'max' }),
  fate: fates,
})

async function live(stores: Omit<Parameters<typeof createWorld>[0], 'scheduler' | 'nextFate'>, it: Life) {
  vi.setSystemTime(new Date('2030-01-01T12:00:00Z'))
  let fatesLeft = Infinity
  const nextFate = () => (fatesLeft-- > 0 ? (it.fate.next().value ?? 'accepted') : 'accepted')
  const world = await createWorld({ ...stores, scheduler: it.scheduler, nextFate })
  for (const [, happen] of it.happenings) await happen(world)
  fatesLeft = fatesWhileHealing
  await world.heal()
  return world
}

test(
  'P6 whatever happens in whatever order: one sound at most for user and message, none after reading, a true badge, nobody untold',
  {
    timeout: Math.max(120_000, runs * 200),
  },
  async ({ stores }) => {
    vi.useFakeTimers({ toFake: ['Date'] })
    await fc.assert(
      fc.asyncProperty(life, async (one) => {
        const world = await live(stores, one)
        expect(await world.faults()).toEqual([])
      }),
      { numRuns: runs, endOnFailure: true },
    )
    vi.useRealTimers()
  },
)

test('a seed lets the same happen again, and pushes fare badly in every way', async ({ stores }) => {
  vi.useFakeTimers({ toFake: ['Date'] })
  const history = async () => {
    const sent: string[][] = []
    const lives = fc.asyncProperty(life, async (one) => void sent.push((await live(stores, one)).sent))
    await fc.assert(lives, { seed: 7, numRuns: 8 })
    return sent
  }
  const sent = await history()
  expect(await history()).toEqual(sent)
  const faring = Object.groupBy(sent.flat(), (one) => one.slice(one.indexOf(': ') + 2))
  expect(Object.keys(faring).sort()).toEqual([
    'accepted',
    'arrived-unknown',
    'dead',
    'failed',
    'lost-unknown',
    'refused',
  ])
  vi.useRealTimers()
})
