import type { Role } from '../db/schema.ts'
import type { Policy } from './policy.ts'

/** What a role may or may not do in a group. */
export type Action =
  | 'answerRequests'
  | 'silenceAll'
  | 'appointAdmins'
  | 'transfer'
  | 'quit'
  | 'dissolve'
  | 'changeProfile'
  | 'mentionAll'

/** What a role may or may not do to another. */
export type ActionOver = 'kick' | 'silence' | 'recallOthers'

export const may = (policy: Policy, role: Role, action: Action): boolean => policy[action].includes(role)

export const mayTo = (policy: Policy, role: Role, action: ActionOver, target: Role): boolean =>
  policy[action][role]?.includes(target) ?? false

/** Whether any of a group's rules allows a role something. */
export function names(policy: Policy, role: Role): boolean {
  const lists = [
    policy.answerRequests,
    policy.silenceAll,
    policy.appointAdmins,
    policy.transfer,
    policy.quit,
    policy.dissolve,
    policy.changeProfile,
    policy.mentionAll,
  ]
  const overs = [policy.kick, policy.silence, policy.recallOthers]
  return (
    lists.some((roles) => roles.includes(role)) ||
    overs.some((over) => over[role] !== undefined) ||
    policy.invite[role] !== undefined
  )
}

/** What whoever creates a group is in it: the highest that its rules know. */
export function creatorRole(policy: Policy): Role {
  if (policy.hasOwner) return 'owner'
  return names(policy, 'admin') ? 'admin' : 'member'
}
