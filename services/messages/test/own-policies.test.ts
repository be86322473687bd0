import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type Api, createApi, type Person, signUp } from '@parley/testing/chat-api'
import { describe, expect } from 'vitest'
import type { Policy } from '../src/policies/policy.ts'
import { shippedPolicies } from '../src/policies/shipped.ts'
import { makeApiKey } from '../src/server-api/api-keys.ts'
import { startMessages } from '../src/service.ts'
import { test as base } from './fixture.ts'

const publicGroup = shippedPolicies.find(({ id }) => id === 'public') as Policy
const team: Policy = { ...publicGroup, id: 'team', transfer: ['owner', 'admin'] }
const council: Policy = {
  ...publicGroup,
  id: 'council',
  hasOwner: false,
  invite: { admin: 'adds', member: 'proposes' },
  answerRequests: ['admin'],
  kick: { admin: ['member'] },
  silence: { admin: ['member'] },
  silenceAll: ['admin'],
  appointAdmins: ['admin'],
  transfer: [],
  dissolve: ['admin'],
  changeProfile: ['admin'],
  recallOthers: { admin: ['member'] },
  mentionAll: ['admin'],
}
const circle: Policy = {
  ...council,
  id: 'circle',
  join: ['free'],
  invite: { member: 'adds' },
  answerRequests: [],
  kick: { member: ['member'] },
  silence: {},
  silenceAll: [],
  appointAdmins: [],
  quit: ['member'],
  dissolve: [],
  changeProfile: ['member'],
  recallOthers: {},
  mentionAll: ['member'],
}
const operator = makeApiKey('operator', ['groups:write'])

/** An instance that knows kinds of groups of its operator's own. */
const test = base
  .extend('service', { scope: 'file' }, async ({ config }, { onCleanup }) => {
    const opened = new AsyncDisposableStack()
    onCleanup(() => opened.disposeAsync())
    const folder = await mkdtemp(path.join(tmpdir(), 'parley-policies-'))
    opened.defer(() => rm(folder, { recursive: true }))
    const groupPoliciesFile = path.join(folder, 'policies.json')
    await writeFile(groupPoliciesFile, JSON.stringify([team, council, circle]))
    const serverApi = { port: 0, keys: [operator.entry], requestsPerSecond: 100 }
    return opened.use(await startMessages({ ...config, groupPoliciesFile, serverApi }))
  })
  .extend('server', { scope: 'file' }, ({ service }) => createApi(service.serverApiUrl ?? ''))

const idsOf = (people: Person[]) => people.map(({ userId }) => userId)
async function found(api: Api, creator: Person, draft: object): Promise<string> {
  const { status, body } = await api.post('/v1/conversations', { name: 'G', ...draft }, creator.token)
  expect({ status, body }).toMatchObject({ status: 201 })
  return `/v1/conversations/${(body['summary'] as unknown as { conversationId: string }).conversationId}`
}
async function rolesIn(api: Api, group: string, asker: Person): Promise<Record<string, string>> {
  const { body } = await api.get(`${group}/members`, asker.token)
  const members = body['members'] as unknown as { userId: string; role: string }[]
  return Object.fromEntries(members.map(({ userId, role }) => [userId, role]))
}

test('A8.6 a group that its admins may give away has one owner at any time, whoever gives it', async ({
  api,
}) => {
  const [ann, ben, cas] = [await signUp(api), await signUp(api), await signUp(api)]
  const draft = { policy: 'team', adminIds: [ben.userId], userIds: [cas.userId] }
  const group = await found(api, ann, draft)
  expect((await api.put(`${group}/owner`, { userId: cas.userId }, ben.token)).status).toBe(200)
  expect(await rolesIn(api, group, ann)).toEqual({
    [ann.userId]: 'member',
    [ben.userId]: 'admin',
    [cas.userId]: 'owner',
  })
  expect((await api.put(`${group}/owner`, { userId: ben.userId }, ben.token)).status).toBe(200)
  expect(await rolesIn(api, group, ann)).toEqual({
    [ann.userId]: 'member',
    [ben.userId]: 'owner',
    [cas.userId]: 'member',
  })
})

describe('a group without an owner', () => {
  test.for([
    ['council', 'admin'],
    ['circle', 'member'],
  ] as const)(
    '%s: gives its creator the highest role that its rules know, %s, which may leave',
    async ([policy, role], { api }) => {
      const [ann, ben] = [await signUp(api), await signUp(api)]
      const group = await found(api, ann, { policy, userIds: idsOf([ben]) })
      expect(await rolesIn(api, group, ben)).toEqual({ [ann.userId]: role, [ben.userId]: 'member' })
      expect((await api.patch(group, { name: 'New' }, ann.token)).status).toBe(200)
      expect((await api.post(`${group}/leave`, {}, ann.token)).status).toBe(200)
      expect(await rolesIn(api, group, ben)).toEqual({ [ben.userId]: 'member' })
    },
  )

  test('lets its creator be removed by whom its rules name', async ({ api }) => {
    const [ann, ben] = [await signUp(api), await signUp(api)]
    const group = await found(api, ann, { policy: 'circle', userIds: idsOf([ben]) })
    const { body } = await api.post(`${group}/kicks`, { userIds: idsOf([ann]) }, ben.token)
    expect(body['results']).toEqual([{ userId: ann.userId, result: 'done' }])
  })

  test('is given to nobody, by the operator either', async ({ api, server }) => {
    const [ann, ben] = [await signUp(api), await signUp(api)]
    const group = await found(api, ann, { policy: 'council', userIds: idsOf([ben]) })
    const given = await server.put(`/server${group}/owner`, { userId: ben.userId }, operator.key)
    expect(given).toMatchObject({ status: 403, body: { error: { code: 'forbidden' } } })
    expect(await rolesIn(api, group, ben)).toEqual({ [ann.userId]: 'admin', [ben.userId]: 'member' })
  })
})
