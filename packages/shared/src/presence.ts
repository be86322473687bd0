import type { UserId } from './ids.ts'
import { laneOf } from './instances.ts'
import type { AppState } from './presence-events.ts'
import type { RedisClient } from './redis.ts'

/** How long a gateway's word holds without being renewed. A gateway that dies takes its users offline after this. */
export const leaseMs = 15_000
/** How long what a dead gateway said is kept, for those who then speak for it. */
const keptMs = 300_000

/** Gateways by the time their lease ends. */
const gatewaysKey = 'parley:gateways'
/** Stands among them while some may not have noticed yet that Redis has lost its memory, or was away. */
const amnesia = '?'
/**
 * A gateway's users, each with the number of their sockets there, followed by `f` if the app is in front on one of
 * them (`2f`). One key, so one lease holds for all of them.
 */
const usersKey = (gatewayId: string) => `parley:presence:${gatewayId}`
const foregroundMark = 'f'
/** How often it has told of changes. In the slot of its users, so that a server which knows the number knows all that was told. */
const tellingsKey = (gatewayId: string) => `{${usersKey(gatewayId)}}:tellings`

/** A user at one gateway. */
export interface UserAtGateway {
  sockets: number
  /** Whether the app is in front on any of them. */
  foreground: boolean
}

/** A gateway's side: what it says of its own users. `everybody` gives them all, for when Redis has lost them. */
export function createPresenceLease(
  redis: RedisClient,
  gatewayId: string,
  everybody: () => Iterable<[UserId, UserAtGateway]>,
  holdsMs: number = leaseMs,
) {
  const key = usersKey(gatewayId)
  const counted = tellingsKey(gatewayId)
  let tellings = 0
  /** What is said of users in this turn, and the promise that it was told. */
  let fresh = new Map<UserId, UserAtGateway>()
  let telling: Promise<void> | undefined
  let hasRenewed = false
  /** Whether Redis may hold something else than was said last: a write has failed. */
  let isInDoubt = false
  let isReleased = false

  async function orDoubt<T>(writes: Promise<T>): Promise<T> {
    try {
      return await writes
    } catch (cause) {
      isInDoubt = true
      throw cause
    }
  }

  async function tell(): Promise<void> {
    telling = undefined
    tellings++
    const users = [...fresh]
    fresh = new Map()
    const gone = users.flatMap(([userId, { sockets }]) => (sockets === 0 ? userId : []))
    const here = users.filter(([, { sockets }]) => sockets > 0)
    await orDoubt(
      Promise.all([
        ...(gone.length > 0 ? [redis.hdel(key, ...gone)] : []),
        ...(here.length > 0
          ? [
              redis.hset(key, new Map(here.map(([userId, at]) => [userId, textOf(at)]))),
              redis.pexpire(key, keptMs),
            ]
          : []),
        // Counted there: what is told to a server that has not heard the last must not make up for it.
        redis.incr(counted),
      ]),
    )
  }

  return {
    /** All that is said in one turn goes together. Resolves when Redis knows. Once released nothing is left to say. */
    set(userId: UserId, here: UserAtGateway): Promise<void> {
      if (isReleased) return Promise.resolve()
      fresh.set(userId, here)
      telling ??= new Promise((resolve) => setImmediate(() => resolve(tell())))
      return telling
    },

    /**
     * Renews the one lease, and rewrites the users if Redis has forgotten them, was not told of all, or is another
     * server now, which took over before it had heard all that this one said.
     */
    async renew(): Promise<void> {
      await telling
      const [held, [, lastWordEndsAt = 0]] = await Promise.all([
        redis.pexpire(key, keptMs),
        redis.zrevrange(gatewaysKey, 0, 0, 'WITHSCORES'),
        redis.pexpire(counted, keptMs),
        redis.zremrangebyscore(gatewaysKey, 0, Date.now() - keptMs),
      ])
      const now = Date.now()
      // The first after everybody's word was lost, or has ended with nobody able to renew it, speaks for itself alone.
      // Within this time the others have spoken, too.
      const notice = hasRenewed && Number(lastWordEndsAt) < now ? [now + holdsMs / 3, amnesia] : []
      await redis.zadd(gatewaysKey, ...notice, now + holdsMs, gatewayId)
      hasRenewed = true
      const told = tellings
      const [known, heard] =
        held === 1 ? await Promise.all([redis.hlen(key), redis.get(counted)]) : [0, `${told}`]
      const users = [...everybody()]
      if (known === users.length && heard === `${told}` && !isInDoubt) return
      isInDoubt = false
      // All of it is on its way before anything else can change, so a change that comes after it stays on top.
      const rewrite = redis.multi().del(key)
      for (let i = 0; i < users.length; i += 1_000) {
        const some = users.slice(i, i + 1_000)
        rewrite.hset(key, new Map(some.map(([userId, here]) => [userId, textOf(here)])))
      }
      rewrite.pexpire(key, keptMs).set(counted, tellings, 'PX', keptMs)
      await orDoubt(rewrite.exec())
    },

    async release(): Promise<void> {
      isReleased = true
      await telling
      await forgetGateway(redis, gatewayId)
    },
  }
}

const textOf = ({ sockets, foreground }: UserAtGateway) => `${sockets}${foreground ? foregroundMark : ''}`

/**
 * Which of these users have a socket on a gateway that is alive, and whether the app is in front on any of their
 * devices. One round trip to find the gateways, one to ask them. Undefined where Redis has just lost its memory, or is
 * just back, and nothing can be said of anybody.
 */
export async function findReach(
  redis: RedisClient,
  userIds: UserId[],
): Promise<Map<UserId, AppState> | undefined> {
  if (userIds.length === 0) return new Map()
  const gateways = await redis.zrangebyscore(gatewaysKey, Date.now(), '+inf')
  if (gateways.length === 0 || gateways.includes(amnesia)) return undefined
  const answers = await Promise.all(gateways.map((gatewayId) => redis.hmget(usersKey(gatewayId), ...userIds)))
  return new Map(
    userIds.flatMap((userId, i): [UserId, AppState][] => {
      const heres = answers.flatMap((users) => users[i] ?? [])
      if (heres.length === 0) return []
      return [[userId, heres.some((here) => here.endsWith(foregroundMark)) ? 'foreground' : 'background']]
    }),
  )
}

/**
 * As `findReach`, for those who decide whom to push: where nothing can be said all count as connected, so that those
 * who do not acknowledge are told a little later, and nobody twice.
 */
export async function findConnected(redis: RedisClient, userIds: UserId[]): Promise<Map<UserId, AppState>> {
  return (
    (await findReach(redis, userIds)) ?? new Map(userIds.map((userId) => [userId, 'background' as const]))
  )
}

/** Gateways that have not taken their leave, each with when its word ends, by its own clock. */
export async function listGateways(
  redis: RedisClient,
): Promise<{ gatewayId: string; leaseEndsAt: number }[]> {
  const found = await redis.zrangebyscore(gatewaysKey, '-inf', '+inf', 'WITHSCORES')
  return Array.from({ length: found.length / 2 }, (_, i) => ({
    gatewayId: found[2 * i] ?? '',
    leaseEndsAt: Number(found[2 * i + 1]),
  }))
}

/** Whether the caller is the one to speak for a dead gateway; for half a minute nobody else is. */
export async function claimGateway(redis: RedisClient, gatewayId: string): Promise<boolean> {
  return (await redis.set(`parley:presence-claim:${gatewayId}`, '1', 'PX', 30_000, 'NX')) === 'OK'
}

/** The users a gateway had, in pages. One may come twice. */
export async function* listUsersOf(redis: RedisClient, gatewayId: string): AsyncGenerator<UserId> {
  let cursor = '0'
  do {
    const [next, fields] = await redis.hscan(usersKey(gatewayId), cursor, 'COUNT', 1_000)
    for (let i = 0; i < fields.length; i += 2) yield fields[i] as UserId
    cursor = next
  } while (cursor !== '0')
}

export async function forgetGateway(redis: RedisClient, gatewayId: string): Promise<void> {
  await Promise.all([
    redis.del(usersKey(gatewayId)),
    redis.del(tellingsKey(gatewayId)),
    redis.zrem(gatewaysKey, gatewayId),
  ])
}

/** Gateways say here whose presence changed: one set of channels for all users, so a change is one message. */
export const newsChannelPrefix = 'parley:presence-news:'
const newsChannels = 64
export const newsChannelOf = (userId: UserId) => `${newsChannelPrefix}${laneOf(userId, newsChannels)}`
