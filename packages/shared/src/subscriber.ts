import { EventEmitter } from 'node:events'
import type { Logger } from './log.ts'
import { startLoop } from './loop.ts'
import { openTopology } from './redis-topology.ts'
import { retryAfterMs } from './redis.ts'
import { openShard, type Shard } from './shard.ts'

const auditEveryMs = 5_000
const settledWithinMs = 1_000

interface SubscriberEvents {
  smessageBuffer: [channel: Buffer, message: Buffer]
  /** These are heard from now on, and what was said there before may have been missed. */
  healed: [channels: ReadonlySet<string>]
}

/**
 * Listens to sharded channels, wherever Redis keeps them: one connection to each primary. Subscriptions end without a
 * word when a connection breaks, a primary is replaced or a slot moves; each is noticed, mended, and told as `healed`,
 * so that what was missed can be asked for. The Socket.IO adapter takes it for an ioredis client.
 */
export function openSubscriber({ url }: { url: string }, log: Logger) {
  const events = new EventEmitter<SubscriberEvents>()
  // Services listen with a few parts each; those of tests come and go.
  events.setMaxListeners(0)
  const topology = openTopology(url, log)
  const shards = new Map<string, Shard>()
  /** Channels, each with its slot. */
  const wanted = new Map<string, number>()
  /** Those of them that are not heard. */
  const missing = new Set<string>()
  let isInDoubt = false
  let isClosed = false
  let attempt = 0
  let timer: NodeJS.Timeout | undefined
  let healing: Promise<void> | undefined
  /** Channels that are wanted since this turn. */
  let fresh: string[] = []
  let settling: Promise<void> | undefined

  const shardOf = (slot: number): Shard | undefined => shards.get(topology.ownerOf(slot) ?? '')

  const readyShards = () => [...shards.values()].filter(({ isReady }) => isReady)

  /** Opens and closes connections as primaries come and go, and finds out what is not heard where it should be. */
  function review(): void {
    const primaries = topology.primaries()
    for (const [primary, shard] of shards) {
      if (primaries.has(primary)) continue
      shard.close()
      shards.delete(primary)
    }
    for (const primary of primaries) if (!shards.has(primary)) open(primary)
    for (const [channel, slot] of wanted) {
      const owner = shardOf(slot)
      if (!owner?.held.has(channel)) missing.add(channel)
      for (const shard of shards.values()) if (shard !== owner) shard.forget(channel)
    }
  }

  function open(primary: string): void {
    const client = topology.open(primary)
    if (!client) return
    const shard = openShard(client, {
      onMessage: (channel, message) => events.emit('smessageBuffer', channel, message),
      onReady() {
        attempt = 0
        clearTimeout(timer)
        timer = undefined
        healSoon()
      },
      onDoubt() {
        isInDoubt = true
        healSoon()
      },
    })
    shards.set(primary, shard)
  }

  function healSoon(): void {
    if (isClosed) return
    timer ??= setTimeout(() => {
      timer = undefined
      healing ??= heal()
        .catch((err: unknown) => log.warn({ err }, 'subscriptions were not healed'))
        .finally(() => {
          healing = undefined
          if (missing.size > 0 || isInDoubt) healSoon()
          else attempt = 0
        })
    }, retryAfterMs(attempt++)).unref()
  }

  async function heal(): Promise<void> {
    await topology.refresh()
    if (isClosed) return
    review()
    const bySlot = Map.groupBy(missing, (channel) => wanted.get(channel) ?? -1)
    const answers = await Promise.all(
      [...bySlot].map(async ([slot, channels]) => {
        const shard = shardOf(slot)
        return shard?.isReady ? shard.subscribe(channels) : []
      }),
    )
    const healed = new Set(answers.flat().filter((channel) => missing.delete(channel)))
    if (healed.size > 0) events.emit('healed', healed)
  }

  /** One command for all that are wanted since this turn and are of one slot: thousands of users come back at once. */
  function listen(): void {
    // Whoever left in the same turn wants nothing any more.
    const bySlot = Map.groupBy(
      fresh.filter((channel) => wanted.has(channel)),
      (channel) => wanted.get(channel) ?? -1,
    )
    fresh = []
    for (const [slot, channels] of bySlot) {
      const shard = shardOf(slot)
      if (!shard?.isReady) miss(channels)
      else
        void shard.subscribe(channels).then((held) => {
          if (held.length < channels.length) miss(new Set(channels).difference(new Set(held)))
        })
    }
  }

  function miss(channels: Iterable<string>): void {
    for (const channel of channels) if (wanted.has(channel)) missing.add(channel)
    if (missing.size > 0) healSoon()
  }

  async function settle(): Promise<void> {
    settling = undefined
    listen()
    const answered = Promise.all(readyShards().map((shard) => shard.settled()))
    const { promise: late, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, settledWithinMs).unref()
    await Promise.race([answered, late])
    clearTimeout(timer)
  }

  review()
  healSoon()
  const auditing = startLoop({ log, name: 'subscriptions', everyMs: auditEveryMs }, async () => {
    // While slots move nothing can be compared; the next round does.
    if (topology.hasChanged() || isInDoubt) healSoon()
    else await Promise.all(readyShards().map((shard) => shard.audit()))
    isInDoubt = false
  })

  return {
    on<E extends keyof SubscriberEvents>(event: E, listener: (...args: SubscriberEvents[E]) => void): void {
      events.on(event, listener as never)
    },
    off<E extends keyof SubscriberEvents>(event: E, listener: (...args: SubscriberEvents[E]) => void): void {
      events.off(event, listener as never)
    },
    ssubscribe(channel: string): void {
      if (wanted.has(channel)) return
      wanted.set(channel, topology.slotOf(channel))
      if (fresh.push(channel) === 1) process.nextTick(listen)
    },
    sunsubscribe(channel: string): void {
      const slot = wanted.get(channel)
      if (slot === undefined) return
      wanted.delete(channel)
      missing.delete(channel)
      shardOf(slot)?.unsubscribe(channel)
    },
    hears(channel: string): boolean {
      const slot = wanted.get(channel)
      return slot !== undefined && shardOf(slot)?.held.has(channel) === true
    },
    /** Channels that should be heard and are not. */
    get missing(): number {
      return missing.size
    },
    /** Resolves when what was just asked for is heard, or after a second: what Redis does not answer is healed later. */
    settled(): Promise<void> {
      settling ??= new Promise((resolve) => process.nextTick(() => resolve(settle())))
      return settling
    },
    async [Symbol.asyncDispose]() {
      isClosed = true
      clearTimeout(timer)
      for (const shard of shards.values()) shard.close()
      topology.close()
      await auditing[Symbol.asyncDispose]()
      await healing
    },
  }
}

export type Subscriber = ReturnType<typeof openSubscriber>
