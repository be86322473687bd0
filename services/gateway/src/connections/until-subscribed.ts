import type { Redis } from 'ioredis'

/** A Redis that is slow or away does not keep people out: they sync when they are in, and again when it is back. */
const withinMs = 1_000

/** Waits until the subscriptions that were just asked for hold: Redis answers in order, so a ping after them says so. */
export async function untilSubscribed(subscriber: Redis): Promise<void> {
  if (subscriber.status !== 'ready') return
  await Promise.race([
    subscriber.ping().catch(() => undefined),
    new Promise((resolve) => setTimeout(resolve, withinMs).unref()),
  ])
}
