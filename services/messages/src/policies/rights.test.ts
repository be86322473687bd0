import { describe, expect, test } from 'vitest'
import type { Role } from '../db/schema.ts'
import { may, mayTo } from './rights.ts'
import { shippedPolicies } from './shipped.ts'

const roles: Role[] = ['owner', 'admin', 'member']

/** For owner, admin and member: may, or may not. Written from the rules, not from the policies. */
const table = `
private   answerRequests  no  no  no
private   silenceAll      no  no  no
private   appointAdmins   no  no  no
private   transfer        yes no  no
private   quit            yes no  yes
private   dissolve        no  no  no
private   changeProfile   yes no  yes
private   mentionAll      yes no  yes
public    answerRequests  yes yes no
public    silenceAll      yes yes no
public    appointAdmins   yes no  no
public    transfer        yes no  no
public    quit            no  yes yes
public    dissolve        yes no  no
public    changeProfile   yes yes no
public    mentionAll      yes yes no
chatroom  answerRequests  yes yes no
chatroom  silenceAll      yes yes no
chatroom  appointAdmins   yes no  no
chatroom  transfer        yes no  no
chatroom  quit            no  yes yes
chatroom  dissolve        yes no  no
chatroom  changeProfile   yes yes no
chatroom  mentionAll      yes yes no
live      answerRequests  no  no  no
live      silenceAll      yes yes no
live      appointAdmins   yes no  no
live      transfer        yes no  no
live      quit            no  yes yes
live      dissolve        yes no  no
live      changeProfile   yes yes no
live      mentionAll      yes yes no`

/** Who may do it to whom; whoever is not named may not. */
const overs = `
private   kick          owner>member
private   silence
private   recallOthers  owner>member
public    kick          owner>admin owner>member admin>member
public    silence       owner>admin owner>member admin>member
public    recallOthers  owner>admin owner>member admin>member
chatroom  kick          owner>admin owner>member admin>member
chatroom  silence       owner>admin owner>member admin>member
chatroom  recallOthers  owner>admin owner>member admin>member
live      kick
live      silence       owner>admin owner>member admin>member
live      recallOthers`

const policyOf = (id: string | undefined) => {
  const policy = shippedPolicies.find((it) => it.id === id)
  if (!policy) throw new Error(`no policy ${id}`)
  return policy
}
const rows = (text: string) =>
  text
    .trim()
    .split('\n')
    .map((line) => line.split(/\s+/))

describe('every role, action and kind of group', () => {
  test.for(rows(table))('A8.8 %s %s: owner %s, admin %s, member %s', ([id, action, ...allowed]) => {
    expect(roles.map((role) => (may(policyOf(id), role, action as never) ? 'yes' : 'no'))).toEqual(allowed)
  })

  test.for(rows(overs))('%s %s', ([id, action, ...pairs]) => {
    const found = roles.flatMap((role) =>
      roles
        .filter((target) => mayTo(policyOf(id), role, action as never, target))
        .map((target) => `${role}>${target}`),
    )
    expect(found).toEqual(pairs)
  })

  test('nothing is left out of the tables', () => {
    expect(rows(table)).toHaveLength(shippedPolicies.length * 8)
    expect(rows(overs)).toHaveLength(shippedPolicies.length * 3)
  })
})

test.for([
  ['private', ['invitation'], 'adds', 'since-joining', true, true],
  ['public', ['approval', 'free', 'invitation'], 'proposes', 'since-joining', true, true],
  ['chatroom', ['free', 'approval', 'invitation'], 'adds', 'all', true, false],
  ['live', ['free'], undefined, 'since-joining', false, false],
] as const)('A8.13 %s: joined by %j, members %s, history %s, kept %s, counted %s', ([id, ...expected]) => {
  const { join, invite, history, stores, counts } = policyOf(id)
  expect([join, invite.member, history, stores, counts]).toEqual(expected)
})
