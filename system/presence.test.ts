import type { Result } from '@parley/shared/protocol'
import { type Api, logIn, type Person, signUp } from '@parley/testing/chat-api'
import { expect, vi } from 'vitest'
import { test } from './fixture.ts'

async function befriend(api: Api, ann: Person, ben: Person): Promise<void> {
  await api.post('/v1/contacts/requests', { userId: ben.userId }, ann.token)
  expect((await api.post(`/v1/contacts/${ann.userId}/accept`, {}, ben.token)).status).toBe(200)
}

test('A7.10 what arrives in the conversation on screen is read on all devices, and what arrives elsewhere is unread', async ({
  api,
  stack,
  friends: { ben, annClient, benClient },
  connect,
}) => {
  const tablet = await connect(await logIn(api, ben.userId, 'tablet'), stack.urls.gateways[0])
  const moved: { kind: string; seq: number; userId: string }[] = []
  tablet.socket.on('receipt:moved', (mark: (typeof moved)[number]) => moved.push(mark))
  const unread = async () => (await api.get('/v1/unread', ben.token)).body['total']
  const { conversationId } = await annClient.send({ userId: ben.userId }, 'text', { text: 'closed' })
  await vi.waitUntil(async () => Number(await unread()) > 0)
  const state = { state: 'foreground', activeConversationId: conversationId }
  expect(await benClient.ask('app:state', state)).toMatchObject({ ok: true })
  const { seq } = await annClient.send({ userId: ben.userId }, 'text', { text: 'open' })
  await vi.waitUntil(() =>
    moved.some((mark) => mark.kind === 'read' && mark.seq === seq && mark.userId === ben.userId),
  )
  expect(await unread()).toBe(0)
  await benClient.ask('app:state', { state: 'background', activeConversationId: conversationId })
  await annClient.send({ userId: ben.userId }, 'text', { text: 'pocket' })
  await vi.waitUntil(async () => Number(await unread()) === 1)
})

test('A4.6 A9.2 contacts on two gateways see each other come, and a stranger or a blocked one sees nobody', async ({
  api,
  stack,
  friends: { ann, ben, annClient },
  connect,
}) => {
  const [cas, eve] = [await signUp(api), await signUp(api)]
  await befriend(api, ann, cas)
  const stranger = await connect(eve, stack.urls.gateways[0])
  const heard: string[] = []
  const hear = (who: string) => (news: { states: { userId: string; online: boolean }[] }) =>
    heard.push(...news.states.map((state) => `${who} ${state.userId} ${state.online}`))
  annClient.socket.on('presence:changed', hear('ann'))
  stranger.socket.on('presence:changed', hear('eve'))
  const watching = { userIds: [cas.userId, ben.userId], watch: true }
  const absent = { ok: true, data: { states: [{ userId: cas.userId, online: false }, { online: false }] } }
  for (const client of [annClient, stranger])
    expect((await client.ask('presence:watch', watching)) as Result<unknown>).toMatchObject(absent)
  await connect(cas, stack.urls.gateways[1])
  await vi.waitUntil(() => heard.length > 0)
  expect((await api.get(`/v1/presence?ids=${cas.userId}`, ann.token)).body).toMatchObject({
    states: [{ userId: cas.userId, online: true }],
  })
  await api.put(`/v1/contacts/${ann.userId}/block`, {}, cas.token)
  await vi.waitUntil(() => heard.length > 1)
  expect(heard).toEqual([`ann ${cas.userId} true`, `ann ${cas.userId} false`])
})

test('typing reaches the other person on another gateway, and nobody who was blocked', async ({
  api,
  friends: { ann, ben, annClient, benClient },
}) => {
  const { conversationId } = await annClient.send({ userId: ben.userId }, 'text', { text: 'hi' })
  const heard: object[] = []
  benClient.socket.on('typing:changed', (news: object) => heard.push(news))
  const type = () => annClient.ask('typing:set', { conversationId, typing: true })
  expect(await type()).toMatchObject({ ok: true, data: { relayed: true } })
  await vi.waitUntil(() => heard.length === 1)
  expect(heard).toMatchObject([{ conversationId, userId: ann.userId, typing: true }])
  await api.put(`/v1/contacts/${ann.userId}/block`, {}, ben.token)
  await vi.waitUntil(
    async () => {
      const result = await type()
      return !result.ok && result.error.code === 'forbidden'
    },
    { interval: 600 },
  )
})
