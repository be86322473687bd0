import { createHash } from 'node:crypto'

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

/** A stable number below `count` for a key. */
export function laneOf(key: string, count: number): number {
  // FNV-1a: cheap, and spreads ids that share a prefix.
  let hash = 0x811c9dc5
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193)
  return (hash >>> 0) % count
}
