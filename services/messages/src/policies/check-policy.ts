import type { Policy } from './policy.ts'
import { names } from './rights.ts'

/**
 * What goes wrong in a group that lives by these rules, each as a story that could happen; empty if nothing
 * does. A policy with such a story is not loaded.
 */
export function checkPolicy(policy: Policy): string[] {
  return rules.flatMap((rule) => rule(policy) ?? [])
}

const kicks = (policy: Policy) => Object.values(policy.kick).some((targets) => targets.length > 0)

const rules: ((policy: Policy) => string | undefined)[] = [
  (policy) =>
    policy.hasOwner && policy.quit.includes('owner') && policy.ownerQuits === 'leaves-none'
      ? 'Ann owns the group and quits: it must have an owner, and nobody becomes it'
      : undefined,
  (policy) =>
    policy.hasOwner && !policy.quit.includes('owner') && policy.dissolve.length + policy.transfer.length === 0
      ? 'Ann owns the group: she can neither quit, nor give it away, nor dissolve it, and is bound to it for ever'
      : undefined,
  (policy) =>
    !policy.hasOwner && (names(policy, 'owner') || policy.transfer.length > 0)
      ? 'the group has no owner, but some of its rules name one: nobody can ever do what they allow'
      : undefined,
  (policy) =>
    kicks(policy) && policy.kickedMayReturn && policy.join.includes('free')
      ? 'Ben is kicked, joins again at once because anyone may, and reads on'
      : undefined,
  (policy) =>
    kicks(policy) && !policy.stores
      ? 'Ben is kicked from an audience that keeps nothing: there is nothing to keep him from, silence him instead'
      : undefined,
  (policy) =>
    policy.join.includes('approval') && policy.answerRequests.length === 0
      ? 'Cas asks to be let in, and nobody may answer: he waits for ever'
      : undefined,
  (policy) =>
    Object.values(policy.invite).includes('proposes') && policy.answerRequests.length === 0
      ? 'Ben proposes Cas, and nobody may answer: Cas waits for ever'
      : undefined,
  (policy) =>
    policy.join.includes('invitation') && Object.keys(policy.invite).length === 0
      ? 'Cas can come in by invitation only, and nobody may invite: he never does'
      : undefined,
  (policy) =>
    policy.counts && !policy.stores
      ? 'Cas was away and has three unread messages, which nobody has kept: he can never read them'
      : undefined,
  (policy) =>
    !policy.stores && policy.history === 'all'
      ? 'Cas joins and should see what was said before, but nothing is kept'
      : undefined,
  ...(['kick', 'silence', 'recallOthers'] as const).flatMap((action) => [
    (policy: Policy) =>
      Object.values(policy[action]).some((targets) => targets.includes('owner'))
        ? `Ben does ${action} to Ann, who owns the group, and takes it from her`
        : undefined,
    (policy: Policy) =>
      policy[action].admin?.includes('admin') || policy[action].member?.includes('admin')
        ? `two admins do ${action} to each other, and whoever is quicker wins`
        : undefined,
  ]),
  (policy) =>
    policy.silenceAll.includes('member')
      ? 'Ben, an ordinary member, silences all ordinary members, himself among them'
      : undefined,
]
