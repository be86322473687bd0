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
