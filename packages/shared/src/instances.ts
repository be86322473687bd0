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

/**
 * Asks the instance this key prefers, and the next one if that is away or leaving; any other failure is an answer.
 * For calls that are safe to repeat: one that cannot be reached may have done its work all the same.
 */
export async function onInstanceOf<I extends { name: string }, T>(
  instances: readonly I[],
  key: () => string,
  call: (instance: I) => Promise<T>,
): Promise<T> {
  let failure: unknown
  // A hash for each call would be for nothing where there is no choice.
  for (const instance of instances.length > 1 ? rankInstances(instances, key()) : instances) {
    try {
      return await call(instance)
    } catch (cause) {
      if (!isElsewhere(cause)) throw cause
      failure = cause
    }
  }
  throw failure
}

export function isElsewhere(cause: unknown): boolean {
  return cause instanceof AppError && (cause.code === 'unavailable' || cause.code === 'draining')
}

/** A stable number below `count` for a key. */
export function laneOf(key: string, count: number): number {
  // FNV-1a: cheap, and spreads ids that share a prefix.
  let hash = 0x811c9dc5
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193)
  return (hash >>> 0) % count
}
