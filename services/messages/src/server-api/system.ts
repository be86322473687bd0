import type { UserId } from '@parley/shared/ids'
import type { Role } from '../db/schema.ts'
import type { Policy } from '../policies/policy.ts'

/** Who has done what the operator's own systems did. No account can have this id: none begins with @. */
export const systemId = '@system' as UserId

export const isSystem = (userId: string): boolean => userId === systemId

const others: Role[] = ['admin', 'member']

/** A group's rules for the operator, who may do anything in it that leaves it with an owner, if it has one. */
export function asSystem(policy: Policy): Policy {
  const owner: Role[] = ['owner']
  return {
    ...policy,
    invite: { owner: 'adds' },
    answerRequests: owner,
    kick: { owner: others },
    silence: { owner: ['owner', ...others] },
    silenceAll: owner,
    appointAdmins: owner,
    transfer: policy.hasOwner ? owner : [],
    dissolve: owner,
    ownerQuits: 'passes-on',
    changeProfile: owner,
    recallOthers: { owner: ['owner', ...others] },
  }
}
