import type { PushTarget } from '@parley/shared/delivery'
import type { PushTokenKind } from '@parley/shared/protocol'
import type { RedisClient } from '@parley/shared/redis'
import type { Logger } from 'pino'
import type { CredentialSet } from '../credentials/credential-set.ts'
import type { PushMetrics } from '../metrics.ts'
import type { OpenedSet } from './opened-set.ts'
import { providerKinds } from './provider-kinds.ts'
import { type ProviderName, providerNames, type PushProvider } from './provider.ts'

interface ProvidersOptions {
  redis: RedisClient
  log: Logger
  metrics: PushMetrics
  pendingTimeoutMs?: number
  warm?: boolean
}

export interface Providers extends AsyncDisposable {
  /** Who reaches this kind of token; one without credentials says so for each push. */
  for(kind: PushTokenKind): PushProvider
  /** Sends with these sets from here on. Those that are as they were keep their connections and their rest. */
  use(sets: CredentialSet[]): void
}

interface SetInUse {
  set: CredentialSet
  opened: OpenedSet
}

/** Every provider there is, each push with the set of credentials for its token's app and environment. */
export function openProviders({ redis, log, metrics, ...options }: ProvidersOptions): Providers {
  let inUse: SetInUse[] = []
  const closing = new Set<Promise<void>>()

  function open(set: CredentialSet): SetInUse {
    const { provider, name } = set
    const opened = set.open({
      ...options,
      redis,
      log: log.child({ credentials: name }),
      minted: metrics.minted(provider),
      count: metrics.connection(provider),
      refused: metrics.credentialsRefused(name, provider),
    })
    return { set, opened }
  }

  /** What is under way with it is finished first. */
  function close({ opened, set }: SetInUse): void {
    const closed = Promise.resolve(opened[Symbol.asyncDispose]())
      .catch((err: unknown) =>
        log.warn({ err, credentials: set.name }, 'credentials were not put away cleanly'),
      )
      .finally(() => closing.delete(closed))
    closing.add(closed)
  }

  const made = Object.fromEntries(
    providerNames.map((name): [ProviderName, PushProvider] => [
      name,
      {
        name,
        async send(push, trace) {
          const chosen = chooseSet(inUse, name, push.token)
          if (!chosen) return { result: 'refused', reason: 'not-configured' }
          trace?.({ step: 'credentials', set: chosen.set.name })
          return chosen.opened.send(push, trace)
        },
      },
    ]),
  ) as Record<ProviderName, PushProvider>

  return {
    for(kind) {
      const name = providerOf(kind)
      return name ? made[name] : unknown
    },
    use(sets) {
      const before = new Map(inUse.map((one) => [one.set.name, one]))
      inUse = sets.map((set) => {
        const known = before.get(set.name)
        if (known?.set.fingerprint !== set.fingerprint) return open(set)
        before.delete(set.name)
        return known
      })
      for (const gone of before.values()) close(gone)
    },
    async [Symbol.asyncDispose]() {
      for (const one of inUse) close(one)
      inUse = []
      await Promise.all(closing)
    },
  }
}

function providerOf(kind: PushTokenKind): ProviderName | undefined {
  return providerNames.find((name) => providerKinds[name].tokens.includes(kind))
}

/** While a release comes in, messages may know a kind that this worker does not: left to one that does. */
const unknown: PushProvider = {
  name: 'unknown',
  send: async () => ({ result: 'retry', reason: 'unknown-kind', afterMs: 60_000 }),
}

/**
 * The set that names the token's app, else the one for every other app, in the token's environment. A token that
 * names no app goes with the latter, or with the only one there is.
 */
export function chooseSet<One extends { set: Pick<CredentialSet, 'provider' | 'topics' | 'environment'> }>(
  all: One[],
  provider: ProviderName,
  { topic, environment }: Pick<PushTarget['token'], 'topic' | 'environment'>,
): One | undefined {
  const fit = all.filter(
    ({ set }) =>
      set.provider === provider && (set.environment === undefined || set.environment === environment),
  )
  const app = topic?.replace(/\.voip$/, '')
  const named = fit.find(({ set }) => app !== undefined && set.topics?.includes(app))
  const others = fit.find(({ set }) => set.topics === undefined)
  return named ?? others ?? (app === undefined && fit.length === 1 ? fit[0] : undefined)
}
