import type { Push, PushProvider, Verdict } from '../../services/push/src/providers/provider.ts'
import type { Phones } from './phones.ts'

/**
 * What becomes of a push: taken; not now; taken, or lost, without anybody being told; refused for good; found to have
 * a dead token.
 */
export type Fate = 'accepted' | 'failed' | 'arrived-unknown' | 'lost-unknown' | 'refused' | 'dead'

/** Fewer than the tries a push has: one that never gets through is told to nobody, and rightly so. */
const mostFailures = 4

interface ProviderOptions {
  phones: Pick<Phones, 'show' | 'die' | 'isDead' | 'refuse' | 'nameOf'>
  nextFate: () => Fate
}

/** The way to the phones, and what went over it, in order. */
export function createProvider({ phones, nextFate }: ProviderOptions) {
  const failures = new Map<string, number>()
  const sent: string[] = []

  function fateOf({ id, token }: Push): Fate {
    if (phones.isDead(token.value)) return 'dead'
    if ((failures.get(id) ?? 0) >= mostFailures) return 'accepted'
    return nextFate()
  }

  function arrive(push: Push, fate: Fate): Verdict {
    switch (fate) {
      case 'accepted':
        phones.show(push)
        return { result: 'accepted' }
      case 'failed':
        return { result: 'retry', reason: 'InternalServerError' }
      case 'arrived-unknown':
        phones.show(push)
        return { result: 'retry', reason: 'unknown-reset', maybeShown: true }
      case 'lost-unknown':
        return { result: 'retry', reason: 'unknown-reset', maybeShown: true }
      case 'refused':
        phones.refuse(push)
        return { result: 'refused', reason: 'BadTopic' }
      case 'dead':
        phones.die(push.token.value)
        return { result: 'dropped-token', reason: 'Unregistered', since: new Date().toISOString() }
    }
  }

  const provider: PushProvider = {
    name: 'apns',
    async send(push) {
      const fate = fateOf(push)
      const verdict = arrive(push, fate)
      if (verdict.result === 'retry') failures.set(push.id, (failures.get(push.id) ?? 0) + 1)
      sent.push(`${describe(push)} to ${phones.nameOf(push.token.value)}: ${fate}`)
      return verdict
    },
  }
  return { provider, sent }
}

function describe(push: Push): string {
  if (push.kind === 'call') return `call ${push.action}`
  if (push.kind === 'withdrawal') return `badge ${push.badge}`
  return `${push.conversationId[0]}.${push.alert.seq} ${push.alert.audible ? 'aloud' : 'silently'}, badge ${push.badge}`
}
