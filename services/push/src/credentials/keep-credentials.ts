import { startLoop } from '@parley/shared/loop'
import type { Logger } from 'pino'
import type { PushMetrics } from '../metrics.ts'
import type { Providers } from '../providers/providers.ts'
import type { BrokenSet, ReadSets } from './credential-files.ts'
import type { CredentialSet } from './credential-set.ts'

/** `stale`: what is there now cannot be read, and what was read before is still in use. */
export type CredentialState = 'loaded' | 'stale' | 'broken'

export interface KnownSet {
  name: string
  state: CredentialState
  provider?: CredentialSet['provider']
  problem?: string
}

interface KeepCredentialsOptions {
  read: () => Promise<ReadSets>
  /** Who sends with them. */
  users: Pick<Providers, 'use'>[]
  log: Logger
  metrics: Pick<PushMetrics, 'credentials'>
  everyMs: number
}

/**
 * Puts credentials to use, and again whenever they change. They are read anew every few seconds instead of being
 * watched, because a watch does not see the swapped links of a mounted secret on every file system. A set that
 * has become unreadable goes on as it was, so a slip of the hand stops nothing; the log and the metric say so.
 * Throws if they cannot be read at the start.
 */
export async function keepCredentials({ read, users, log, metrics, everyMs }: KeepCredentialsOptions) {
  let sets: CredentialSet[] = []
  let known: KnownSet[] = []

  function take({ sets: readable, broken }: ReadSets): void {
    const inUse = new Map(sets.map((set) => [set.name, set]))
    const stale = broken.flatMap(({ name }) => inUse.get(name) ?? [])
    const before = new Map(known.map((one) => [one.name, one]))
    sets = [...readable, ...stale].toSorted((a, b) => a.name.localeCompare(b.name))
    known = [
      ...readable.map(({ name, provider }): KnownSet => ({ name, provider, state: 'loaded' })),
      ...broken.map((one) => knownBroken(one, inUse.get(one.name))),
    ]
    for (const one of broken) {
      if (before.get(one.name)?.problem === one.problem) continue
      log.error(
        { credentials: one.name, problem: one.problem, inUse: inUse.has(one.name) },
        'credentials cannot be read',
      )
    }
    for (const { name, provider, fingerprint } of readable) {
      if (inUse.get(name)?.fingerprint !== fingerprint)
        log.info({ credentials: name, provider }, 'credentials in use')
    }
    for (const name of inUse.keys()) {
      if (!sets.some((set) => set.name === name)) log.info({ credentials: name }, 'credentials put away')
    }
    for (const user of users) user.use(sets)
    metrics.credentials(known)
  }

  take(await read())
  const loop = startLoop({ log, name: 'credentials', everyMs }, reload)

  async function reload(): Promise<void> {
    take(await read().catch((err: unknown) => unreadable(err)))
  }

  /** Nothing could be read at all, as when a mount or a file named by a variable is missing. */
  function unreadable(err: unknown): ReadSets {
    const problem = err instanceof Error ? err.message : 'cannot be read'
    return { sets: [], broken: known.map(({ name }) => ({ name, problem })) }
  }

  return {
    reload,
    list: (): KnownSet[] => known,
    [Symbol.asyncDispose]: () => loop[Symbol.asyncDispose](),
  }
}

function knownBroken({ name, problem }: BrokenSet, inUse: CredentialSet | undefined): KnownSet {
  return inUse
    ? { name, problem, provider: inUse.provider, state: 'stale' }
    : { name, problem, state: 'broken' }
}
