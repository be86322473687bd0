import { randomUUID as uuid } from 'node:crypto'
import { deliveriesOf } from '@parley/shared/delivery'
import type { ConversationId, UserId } from '@parley/shared/ids'
import type { RpcClient } from '@parley/shared/rpc-client'
import { type Api, createApi, type Person, signUp } from '@parley/testing/chat-api'
import { describe, expect } from 'vitest'
import { MessageTypeSetting } from '../src/message-types/message-type.ts'
import { registerType, removeType } from '../src/message-types/register-type.ts'
import { startMessages } from '../src/service.ts'
import { test } from './fixture.ts'

const send = (api: Api, from: Person, to: Person, draft: object) =>
  api.post(
    '/v1/messages',
    { clientMessageId: uuid(), to: { userId: to.userId }, content: {}, ...draft },
    from.token,
  )
const listed = async (api: Api, who: Person) => (await api.get('/v1/conversations', who.token)).body

async function bodiesOf(rpc: RpcClient, to: Person, sent: { conversationId: string; seq: number }) {
  const due = await rpc.call('deliveries/due', {
    conversationId: sent.conversationId as ConversationId,
    firstSeq: sent.seq,
    lastSeq: sent.seq,
    userIds: [to.userId as UserId],
    claim: uuid(),
  })
  return deliveriesOf(due).map(({ alerts }) => alerts[0]?.body)
}
const bind = (api: Api, who: Person, locale: string) =>
  api.put('/v1/devices/current/push', { kind: 'fcm', token: uuid(), locale }, who.token)

describe("an app's own message type", () => {
  test('A5.9 its digest is what lists show, and alerts in the language of the device', async ({
    api,
    service,
    rpc,
  }) => {
    const [ada, bob] = (await Promise.all([signUp(api), signUp(api)])) as [Person, Person]
    await bind(api, bob, 'de-DE')
    const setting = { digest: 'sent {what}', digests: { de: 'hat {what} geschickt' } }
    await registerType(service.ctx, 'gift.sent', MessageTypeSetting.parse(setting))
    const { body } = await send(api, ada, bob, { type: 'gift.sent', content: { what: 'a rose' } })
    expect(await listed(api, bob)).toMatchObject({
      conversations: [{ unread: 1, lastEntry: { digest: 'sent a rose' } }],
    })
    expect(await bodiesOf(rpc, bob, body as never)).toEqual(['hat a rose geschickt'])
  })

  test('what its sender says of a message is shown in its place, and an edit says it anew', async ({
    api,
    service,
    rpc,
  }) => {
    const [ada, bob] = (await Promise.all([signUp(api), signUp(api)])) as [Person, Person]
    await bind(api, bob, 'de')
    const setting = { digest: 'voted', digests: { de: 'hat abgestimmt' } }
    await registerType(service.ctx, 'poll.vote', MessageTypeSetting.parse(setting))
    const { body } = await send(api, ada, bob, { type: 'poll.vote', digest: 'voted for you' })
    expect(await bodiesOf(rpc, bob, body as never)).toEqual(['voted for you'])
    const path = `/v1/conversations/${body['conversationId']}/messages/${body['messageId']}`
    expect((await api.patch(path, { content: { for: 'cas' } }, ada.token)).status).toBe(200)
    expect(await listed(api, bob)).toMatchObject({ conversations: [{ lastEntry: { digest: 'voted' } }] })
  })

  test('A5.10 has its switches; a sender switches off and nothing on', async ({ api, service }) => {
    const [ada, bob] = (await Promise.all([signUp(api), signUp(api)])) as [Person, Person]
    const type = (switches: object) => MessageTypeSetting.parse({ switches })
    await registerType(service.ctx, 'state.quiet', type({ counted: false, pushed: false }))
    await registerType(service.ctx, 'state.passing', type({ stored: false }))
    const on = { counted: true, stored: true }
    expect((await send(api, ada, bob, { type: 'state.quiet', switches: on })).body['seq']).toBe(1)
    expect((await send(api, ada, bob, { type: 'state.passing', switches: on })).body['seq']).toBe(0)
    expect(await listed(api, bob)).toMatchObject({ conversations: [{ unread: 0 }] })
  })

  test('P10 refuses what is larger than it may be, and stores nothing', async ({ api, service }) => {
    const [ada, bob] = (await Promise.all([signUp(api), signUp(api)])) as [Person, Person]
    await registerType(service.ctx, 'small.one', MessageTypeSetting.parse({ maxBytes: 20 }))
    const large = { type: 'small.one', content: { text: 'x'.repeat(20) } }
    expect(await send(api, ada, bob, large)).toMatchObject({
      status: 413,
      body: { error: { code: 'too_large' } },
    })
    const { body } = await send(api, ada, bob, { type: 'small.one', content: { a: 1 } })
    expect(body['seq']).toBe(1)
    const path = `/v1/conversations/${body['conversationId']}/messages/${body['messageId']}`
    const edited = await api.patch(path, { content: large.content }, ada.token)
    expect(edited.body.error?.code).toBe('too_large')
  })

  test('A5.8 is stored, counted and pushed while nobody has registered it, or is refused where the operator says so', async ({
    api,
    service,
    config,
  }) => {
    const [ada, bob] = (await Promise.all([signUp(api), signUp(api)])) as [Person, Person]
    await registerType(service.ctx, 'gone.soon', MessageTypeSetting.parse({ switches: { stored: false } }))
    await removeType(service.ctx, 'gone.soon')
    expect((await send(api, ada, bob, { type: 'gone.soon' })).body['seq']).toBe(1)
    await using strict = await startMessages({ ...config, unregisteredTypes: 'refuse' })
    const refused = await send(createApi(strict.url), ada, bob, { type: 'gone.soon' })
    expect(refused.body.error?.code).toBe('invalid_request')
    expect(
      (await send(createApi(strict.url), ada, bob, { type: 'text', content: { text: 'hi' } })).status,
    ).toBe(201)
  })
})

test('P3 what a device sends without waiting keeps its order, whatever types it is of', async ({
  api,
  service,
  rpc,
}) => {
  const [ada, bob] = (await Promise.all([signUp(api), signUp(api)])) as [Person, Person]
  await registerType(service.ctx, 'order.placed', MessageTypeSetting.parse({}))
  const types = ['order.placed', 'text', 'order.placed', 'text', 'never.registered', 'text']
  const sends = types.map((type) => ({
    userId: ada.userId,
    deviceId: ada.deviceId,
    draft: {
      clientMessageId: uuid(),
      to: { userId: bob.userId },
      type,
      content: type === 'text' ? { text: 'hi' } : {},
    },
  }))
  const { results } = await rpc.call('messages/send', { sends } as never)
  expect(results).toMatchObject(types.map((_, i) => ({ ok: true, data: { seq: i + 1 } })))
})

test('P10 whatever an app calls its fields, the messages that travel with it arrive, and so does it', async ({
  api,
  rpc,
}) => {
  const [ada, bob] = (await Promise.all([signUp(api), signUp(api)])) as [Person, Person]
  const contents: object[] = [{ field: 1 }, { constructor: { prototype: { polluted: true } } }, { field: 2 }]
  const sends = contents.map((content) => ({
    userId: ada.userId,
    deviceId: ada.deviceId,
    draft: { clientMessageId: uuid(), to: { userId: bob.userId }, type: 'never.registered', content },
  }))
  const { results } = await rpc.call('messages/send', { sends } as never)
  expect(results).toMatchObject(contents.map((_, i) => ({ ok: true, data: { seq: i + 1 } })))
  const [{ data } = { data: undefined }] = results as { data?: { conversationId: string } }[]
  const byHttp = await send(api, bob, ada, { type: 'never.registered', content: contents[1] })
  expect(byHttp.status).toBe(201)
  const { body } = await api.get(
    `/v1/conversations/${data?.conversationId}/entries?limit=3&after=0`,
    bob.token,
  )
  expect((body['entries'] as unknown as { content: object }[]).map(({ content }) => content)).toEqual(
    contents,
  )
  expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false)
})
