import { describe, expect, test } from 'vitest'
import { checkPolicy } from './check-policy.ts'
import type { Policy } from './policy.ts'
import { shippedPolicies } from './shipped.ts'

const base = shippedPolicies.find(({ id }) => id === 'public') as Policy

const ownerless: Partial<Policy> = {
  hasOwner: false,
  invite: { admin: 'adds', member: 'proposes' },
  answerRequests: ['admin'],
  kick: { admin: ['member'] },
  silence: {},
  silenceAll: ['admin'],
  appointAdmins: ['admin'],
  transfer: [],
  quit: ['admin', 'member'],
  dissolve: ['admin'],
  changeProfile: ['admin'],
  recallOthers: {},
  mentionAll: ['admin'],
}

test('a group needs no owner where no rule names one', () => {
  expect(checkPolicy({ ...base, ...ownerless })).toEqual([])
})

test.for(shippedPolicies)('$id can be kept', (policy) => {
  expect(checkPolicy(policy)).toEqual([])
})

describe('a policy in which something goes wrong is refused with the story of it', () => {
  test.for<[Partial<Policy>, RegExp]>([
    [{ quit: ['owner'], ownerQuits: 'leaves-none' }, /Ann owns the group and quits/],
    [{ quit: [], dissolve: [], transfer: [] }, /bound to it for ever/],
    [{ hasOwner: false }, /has no owner, but some of its rules name one/],
    [{ ...ownerless, transfer: ['admin'] }, /has no owner, but some of its rules name one/],
    [{ join: ['free'], kickedMayReturn: true }, /joins again at once/],
    [{ stores: false, counts: false }, /keeps nothing/],
    [{ answerRequests: [] }, /waits for ever/],
    [{ join: ['invitation'], invite: {} }, /by invitation only, and nobody may invite/],
    [{ stores: false, kick: {} }, /three unread messages, which nobody has kept/],
    [{ stores: false, counts: false, kick: {}, history: 'all' }, /nothing is kept/],
    [{ kick: { admin: ['owner'] } }, /takes it from her/],
    [{ silence: { admin: ['admin'] } }, /two admins do silence to each other/],
    [{ silenceAll: ['member'] }, /himself among them/],
  ])('%j', ([change, story]) => {
    expect(checkPolicy({ ...base, ...change }).join('\n')).toMatch(story)
  })
})
