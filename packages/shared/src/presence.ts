import type { Redis } from 'ioredis'
import type { UserId } from './ids.ts'
import type { AppState } from './presence-events.ts'

/** How long a gateway's word holds without being renewed. A gateway that dies takes its users offline after this. */
export const leaseMs = 15_000

/** Gateways by the time their lease ends. */
const gatewaysKey = 'parley:gateways'
/**
 * A gateway's users, each with the number of their sockets there, followed by `f` if the app is in front on one of
 * them (`2f`). One key, so one lease holds for all of them.
 */
const usersKey = (gatewayId: string) => `parley:presence:${gatewayId}`
const foregroundMark = 'f'

/** A user at one gateway. */
export interface UserAtGateway {
  sockets: number
  /** Whether the app is in front on any of them. */
  foreground: boolean
}

/** A gateway's side: what it says of its own users. `everybody` gives them all, for when Redis has lost them. */
export function createPresenceLease(
  redis: Redis,
  gatewayId: string,
  everybody: () => Iterable<[UserId, UserAtGateway]>,
) {
  const key = usersKey(gatewayId)
  return {
    async set(userId: UserId, here: UserAtGateway): Promise<void> {
      if (here.sockets === 0) return void (await redis.hdel(key, userId))
      await Promise.all([redis.hset(key, userId, textOf(here)), redis.pexpire(key, leaseMs)])
    },

    /** Renews the one lease, and rewrites the users if Redis has forgotten them. */
    async renew(): Promise<void> {
      const [held] = await Promise.all([
        redis.pexpire(key, leaseMs),
        redis.zadd(gatewaysKey, Date.now() + leaseMs, gatewayId),
        redis.zremrangebyscore(gatewaysKey, 0, Date.now() - leaseMs),
      ])
      const known = held === 1 ? await redis.hlen(key) : 0
      const users = [...everybody()]
      if (known === users.length) return
      // All of it is on its way before anything else can change, so a change that comes after it stays on top.
      const rewrite = redis.multi().del(key)
      for (let i = 0; i < users.length; i += 1_000) {
        const some = users.slice(i, i + 1_000)
        rewrite.hset(key, new Map(some.map(([userId, here]) => [userId, textOf(here)])))
      }
      await rewrite.pexpire(key, leaseMs).exec()
    },

    async release(): Promise<void> {
      await Promise.all([redis.del(key), redis.zrem(gatewaysKey, gatewayId)])
    },
  }
}

const textOf = ({ sockets, foreground }: UserAtGateway) => `${sockets}${foreground ? foregroundMark : ''}`

/**
 * Which of these users have a socket on a gateway that is alive, and whether the app is in front on any of their
 * devices. One round trip to find the gateways, one to ask them. Where no gateway is known at all, Redis has just
 * lost its memory and nothing can be said of anybody; then all count as connected, so that those who do not
 * acknowledge are told a little later, and nobody twice.
 */
export async function findConnected(redis: Redis, userIds: UserId[]): Promise<Map<UserId, AppState>> {
  if (userIds.length === 0) return new Map()
  const gateways = await redis.zrangebyscore(gatewaysKey, Date.now(), '+inf')
  if (gateways.length === 0) return new Map(userIds.map((userId) => [userId, 'background']))
  const answers = await Promise.all(gateways.map((gatewayId) => redis.hmget(usersKey(gatewayId), ...userIds)))
  return new Map(
    userIds.flatMap((userId, i): [UserId, AppState][] => {
      const heres = answers.flatMap((users) => users[i] ?? [])
      if (heres.length === 0) return []
      return [[userId, heres.some((here) => here.endsWith(foregroundMark)) ? 'foreground' : 'background']]
    }),
  )
}
