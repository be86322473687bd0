import { randomUUID as uuid } from 'node:crypto'
import type { UserId } from '@parley/shared/ids'
import { createLogger } from '@parley/shared/log'
import { createPresenceLease, findReach, listGateways } from '@parley/shared/presence'
import { openRedis, type RedisClient } from '@parley/shared/redis'
import type { RedisServer } from '@parley/testing/redis'
import { expect, vi } from 'vitest'
import { test } from './fixture.ts'

test('P6 what could not be told of users while Redis was away is told when it is back with all that it held', async ({
  redis,
  redisUrl,
}) => {
  const [turning, leaving, coming] = [uuid() as UserId, uuid() as UserId, uuid() as UserId]
  const own = openRedis({ url: redisUrl, use: 'publish' }, createLogger('test', { level: 'silent' }))
  const here = new Map([turning, leaving].map((userId) => [userId, { sockets: 1, foreground: true }]))
  const lease = createPresenceLease(own, `lease-${uuid()}`, () => here)
  await own.connect()
  await lease.renew()
  const ended = new Promise((resolve) => own.once('end', resolve))
  own.disconnect()
  await ended
  here.set(turning, { sockets: 1, foreground: false }).set(coming, { sockets: 1, foreground: true })
  here.delete(leaving)
  const told = [...here, [leaving, { sockets: 0, foreground: false }] as const]
  for (const outcome of await Promise.allSettled(told.map(([userId, at]) => lease.set(userId, at))))
    expect(outcome.status).toBe('rejected')
  await own.connect()
  await lease.renew()
  expect(await findReach(redis, [turning, leaving, coming])).toEqual(
    new Map([
      [turning, 'background'],
      [coming, 'foreground'],
    ]),
  )
  await lease.release()
  own.disconnect()
})

const losses = [
  { what: 'a Redis has lost everything', lose: (_: RedisClient, { wipe }: RedisServer) => wipe() },
  { what: 'a Redis was away for longer than any word holds', lose: endAllWords },
]

async function endAllWords(redis: RedisClient): Promise<void> {
  for (const { gatewayId } of await listGateways(redis))
    await redis.zadd('parley:gateways', Date.now() - 1, gatewayId)
}

test.for(losses)(
  'P6 after $what nobody counts as away before all gateways have said who is there',
  async ({ lose }, { ownRedis }) => {
    const redis = openRedis({ url: ownRedis.url }, createLogger('test', { level: 'silent' }))
    await redis.connect()
    const [ann, ben] = [uuid() as UserId, uuid() as UserId]
    const [first, second] = [ann, ben].map((userId) =>
      createPresenceLease(redis, userId, () => [[userId, { sockets: 1, foreground: true }]], 6_000),
    )
    const everybody = new Map([ann, ben].map((userId) => [userId, 'foreground']))
    await first?.renew()
    await second?.renew()
    expect(await findReach(redis, [ann, ben])).toEqual(everybody)
    await lose(redis, ownRedis)
    await first?.renew()
    expect(await findReach(redis, [ann, ben])).toBeUndefined()
    await second?.renew()
    await vi.waitUntil(async () => (await findReach(redis, [ann, ben])) !== undefined)
    expect(await findReach(redis, [ann, ben])).toEqual(everybody)
    redis.disconnect()
  },
)

test('P6 what a Redis that took over had not heard of is told again, also where it knows as many users', async ({
  redis,
}) => {
  const gatewayId = `lease-${uuid()}`
  const key = `parley:presence:${gatewayId}`
  const [leaving, coming, passing] = [uuid() as UserId, uuid() as UserId, uuid() as UserId]
  const here = new Map([[leaving, { sockets: 1, foreground: true }]])
  const lease = createPresenceLease(redis, gatewayId, () => here)
  const keys = async () => (await redis.keys('*')).filter((name) => name.includes(gatewayId))
  await lease.set(leaving, { sockets: 1, foreground: true })
  await lease.renew()
  const kept = await Promise.all(
    (await keys()).map(async (name) => [name, await redis.dumpBuffer(name)] as const),
  )
  here.delete(leaving)
  here.set(coming, { sockets: 1, foreground: false })
  await Promise.all(
    [...here, [leaving, { sockets: 0, foreground: false }] as const].map(([id, at]) => lease.set(id, at)),
  )
  await redis.del(await keys())
  for (const [name, dump] of kept) await redis.restore(name, 0, dump, 'REPLACE')
  for (const sockets of [1, 0]) await lease.set(passing, { sockets, foreground: true })
  expect(await redis.hkeys(key)).toEqual([leaving])
  await lease.renew()
  expect(await findReach(redis, [leaving, coming])).toEqual(new Map([[coming, 'background']]))
  await lease.release()
  expect(await keys()).toEqual([])
})

test('P10 what is told of users by a gateway that has taken its leave stays nowhere', async ({ redis }) => {
  const gatewayId = `lease-${uuid()}`
  const [leaving, staying] = [uuid() as UserId, uuid() as UserId]
  const lease = createPresenceLease(redis, gatewayId, () => [])
  const tell = () =>
    Promise.all([
      lease.set(leaving, { sockets: 0, foreground: false }),
      lease.set(staying, { sockets: 1, foreground: true }),
    ])
  await lease.renew()
  await tell()
  await lease.release()
  await tell()
  expect((await redis.keys('*')).filter((name) => name.includes(gatewayId))).toEqual([])
})
