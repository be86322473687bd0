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
  const pool = opened.adopt(openPool({ url: database.url, poolSize: 4, schema }, log), (it) => it.end())
  const server = opened.use(await startPrivateRedis())
  const redis = opened.adopt(openRedis({ url: server.url }, log), (client) => client.disconnect())
  const db = queryBuilder<Database>(pool)
  await connectSoon(redis)
  const { wipe: wipeRedis } = server
  return { pool, db, redis, wipeRedis, messageTypes: opened.use(createMessageTypes({ log, db })) }
})

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
    { weight: 1, arbitrary: fc.constantFrom<Fate>('failed', 'arrived-unknown', 'lost-unknown') },
  ),
)

test(
  'P6 whatever happens in whatever order: one sound at most for user and message, none after reading, a true badge, nobody untold',
  {
    timeout: Math.max(120_000, runs * 200),
  },
  async ({ stores }) => {
    vi.useFakeTimers({ toFake: ['Date'] })
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.array(happening, { minLength: 5, maxLength: 60, size: 'max' }),
        fates,
        async (scheduler, happenings, fate) => {
          vi.setSystemTime(new Date('2030-01-01T12:00:00Z'))
          let isHealed = false
          const nextFate = () => (isHealed ? 'accepted' : (fate.next().value ?? 'accepted'))
          const world = await createWorld({ ...stores, scheduler, nextFate })
          for (const [, happen] of happenings) await happen(world)
          isHealed = true
          await world.heal()
          expect(await world.faults()).toEqual([])
        },
      ),
      { numRuns: runs, endOnFailure: true },
    )
    vi.useRealTimers()
  },
)
