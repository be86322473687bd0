import { createHash } from 'node:crypto'
import { AppError } from './errors.ts'

/**
 * Instances in the order this key prefers them (rendezvous hashing): the same on every caller, and when one
 * is added or gone only its own keys move. The first is where to go, the next where to go if that fails.
 */
export function rankInstances<T extends { name: string }>(instances: readonly T[], key: string): T[] {
  if (instances.length < 2) return [...instances]
  return instances
    .map((instance) => ({
      instance,
      weight: createHash('sha1').update(`${instance.name}\n${key}`).digest().readUInt32BE(),
    }))
    .toSorted((a, b) => b.weight - a.weight)
    .map(({ instance }) => instance)
}

/** Longer than it takes to find out that an instance is away still. */
const restMs = 3_000

/**
 * Asks the instance a key prefers, and the next one if that is away or leaving; any other failure is an answer. An instance
 * that was away is asked last for a while, and then by one call first: finding out may take as long as connecting may.
 * For calls that are safe to repeat: one that cannot be reached may have done its work all the same.
 */
export function chooseAmong<I extends { name: string }>(
  instances: readonly I[],
  now: () => number = performance.now.bind(performance),
) {
  /** Until when those that were away are left alone. */
  const resting = new Map<I, number>()

  function inTurn(key: string): I[] {
    const ranked = rankInstances(instances, key)
    if (resting.size === 0) return ranked
    const isResting = (instance: I) => now() < (resting.get(instance) ?? -Infinity)
    const order = [...ranked.filter((one) => !isResting(one)), ...ranked.filter(isResting)]
    const [next] = order
    // Who comes when the rest is over finds out for all of them.
    if (next && resting.has(next)) resting.set(next, now() + restMs)
    return order
  }

  // A hash for each call would be for nothing where there is no choice.
  const order = (key: () => string) => (instances.length > 1 ? inTurn(key()) : instances)
  const answered = (instance: I) => void resting.delete(instance)
  const wasAway = (instance: I) => void resting.set(instance, now() + restMs)

  return {
    async ask<T>(key: () => string, call: (instance: I) => Promise<T>): Promise<T> {
      let failure: unknown
      for (const instance of order(key)) {
        try {
          const answer = await call(instance)
          answered(instance)
          return answer
        } catch (cause) {
          if (!isElsewhere(cause)) throw cause
          wasAway(instance)
          failure = cause
        }
      }
      throw failure
    },
    /** The instance to ask first, for who asks it without a promise, and then says how it went. */
    first: (key: () => string): I | undefined => order(key)[0],
    answered,
    wasAway,
  }
}

/** Whether another instance, or the same in a moment, may do what this one did not. */
export function isElsewhere(cause: unknown): boolean {
  return (
    cause instanceof AppError &&
    !cause.everywhere &&
    (cause.code === 'unavailable' || cause.code === 'draining')
  )
}

/** A stable number below `count` for a key. */
export function laneOf(key: string, count: number): number {
  // FNV-1a: cheap, and spreads ids that share a prefix.
  let hash = 0x811c9dc5
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193)
  return (hash >>> 0) % count
}
