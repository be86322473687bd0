import { ownConversationId, type UserId } from '@parley/shared/ids'
import { logIn, type Person } from '@parley/testing/chat-api'
import { expect, vi } from 'vitest'
import { test } from './fixture.ts'

const ownLogOf = ({ userId }: Person) => ownConversationId(userId as UserId)

test('A4.2 a request made through one gateway reaches the other person on another, and who was away, once', async ({
  api,
  stack,
  friends: { ann, ben, annClient, benClient },
  connect,
}) => {
  expect(
    (await api.post('/v1/contacts/requests', { userId: ben.userId, greeting: 'hi' }, ann.token)).status,
  ).toBe(200)
  await vi.waitUntil(() => benClient.lastSeq(ownLogOf(ben)) === 1)
  await benClient[Symbol.asyncDispose]()
  await api.post(`/v1/contacts/${ann.userId}/accept`, {}, ben.token)
  await vi.waitUntil(() => annClient.lastSeq(ownLogOf(ann)) === 2)
  const back = await connect(ben, stack.urls.gateways[0])
  await vi.waitUntil(() => back.lastSeq(ownLogOf(ben)) === 2)
  for (const [client, who] of [
    [annClient, ann],
    [back, ben],
  ] as const) {
    expect(client.entries(ownLogOf(who)).map(({ seq, type }) => [seq, type])).toEqual([
      [1, 'contact.requested'],
      [2, 'contact.accepted'],
    ])
  }
})

test('P9 a block stops sends on every gateway at once, and still does when messages was killed', async ({
  api,
  stack,
  friends: { ann, ben, annClient, benClient },
  connect,
}) => {
  // A socket of the same device would take the place of the first.
  const tablet = await connect(await logIn(api, ann.userId, 'tablet'), stack.urls.gateways[1])
  await annClient.send({ userId: ben.userId }, 'text', { text: 'before' })
  expect((await api.put(`/v1/contacts/${ann.userId}/block`, {}, ben.token)).status).toBe(200)
  const refused = async () => {
    for (const client of [annClient, tablet])
      await expect(client.send({ userId: ben.userId }, 'text', { text: 'no' })).rejects.toThrow('forbidden')
    await expect(benClient.send({ userId: ann.userId }, 'text', { text: 'no' })).rejects.toThrow('forbidden')
  }
  await refused()
  stack.kill('messages')
  await refused()
})
