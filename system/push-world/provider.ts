import type { Push, PushProvider, Verdict } from '../../services/push/src/providers/provider.ts'
import type { Phones } from './phones.ts'

/** What becomes of a push: taken; refused for now; taken, or lost, without anybody being told. */
export type Fate = 'accepted' | 'failed' | 'arrived-unknown' | 'lost-unknown'

interface ProviderOptions {
  phones: Pick<Phones, 'show'>
  nextFate: () => Fate
}

/** The way to the phones. */
export function createProvider({ phones, nextFate }: ProviderOptions): PushProvider {
  return { name: 'apns', send: async (push) => arrive(push, nextFate()) }

  function arrive(push: Push, fate: Fate): Verdict {
    if (fate === 'failed') return { result: 'retry', reason: 'InternalServerError' }
    if (fate !== 'lost-unknown') phones.show(push)
    return fate === 'accepted'
      ? { result: 'accepted' }
      : { result: 'retry', reason: 'unknown-reset', maybeShown: true }
  }
}
