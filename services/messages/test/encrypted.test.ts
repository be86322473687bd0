import { randomUUID as uuid } from 'node:crypto'
import type { Entry } from '@parley/shared/entry'
import { type Api, type Person, signUp } from '@parley/testing/chat-api'
import { expect } from 'vitest'
import { test as base } from './fixture.ts'
import { indexed } from './searching.ts'

const encrypt = (text: string, more: object = {}) => ({
  scheme: 'mls-1',
  ciphertext: Buffer.from(text).toString('base64'),
  ...more,
})

/** Two people, and a way to send from one to the other. */
const test = base.extend('pair', async ({ api }) => {
  const [ann, ben] = [await signUp(api, 'ann'), await signUp(api, 'ben')]
  const send = (content: object, more: object = {}) =>
    api.post(
      '/v1/messages',
      { clientMessageId: uuid(), to: { userId: ben.userId }, type: 'encrypted', content, ...more },
      ann.token,
    )
  return { ann, ben, send }
})

const read = async (api: Api, who: Person, conversationId: unknown) =>
  (await api.get(`/v1/conversations/${String(conversationId)}/entries`, who.token)).body[
    'entries'
  ] as unknown as Entry[]

test('A5.16 what apps encrypt comes back as it was, counts, and is edited and recalled like any message', async ({
  api,
  pair,
}) => {
  const { ann, ben, send } = pair
  const content = encrypt('\u0000 any bytes', { keyId: 'device 7' })
  const { status, body } = await send(content)
  expect(status).toBe(201)
  expect(await read(api, ben, body['conversationId'])).toMatchObject([{ type: 'encrypted', content }])
  expect((await api.get('/v1/unread', ben.token)).body).toMatchObject({ total: 1 })

  const path = `/v1/conversations/${body['conversationId']}/messages/${body['messageId']}`
  const better = encrypt('better')
  expect((await api.patch(path, { content: better }, ann.token)).status).toBe(200)
  expect((await api.patch(path, { content: { text: 'in clear' } }, ann.token)).status).toBe(400)
  expect((await read(api, ben, body['conversationId']))[0]).toMatchObject({ content: better })
  expect((await api.delete(path, ann.token)).status).toBe(200)
  expect((await send(encrypt('x'.repeat(18_432)))).status).toBe(201)
  expect((await read(api, ben, body['conversationId']))[0]).toMatchObject({ content: {} })
})

test('A5.16 neither the cipher nor the digest of an encrypted message is found by search', async ({
  api,
  pair,
  service,
}) => {
  const { ben, send } = pair
  const { body } = await send(encrypt('walrus'), { digest: 'walrus in a list' })
  await indexed(service.ctx)
  for (const words of ['walrus', encrypt('walrus').ciphertext, 'mls'])
    expect(
      (await api.get(`/v1/messages/search?words=${encodeURIComponent(words)}`, ben.token)).body,
    ).toMatchObject({
      messages: [],
    })
  const { body: list } = await api.get('/v1/conversations', ben.token)
  expect(list).toMatchObject({ conversations: [{ lastEntry: { digest: 'walrus in a list' } }] })
  expect(body['seq']).toBe(1)
})

test.for([
  ['text beside it', { ...encrypt('x'), text: 'in clear' }],
  ['no base64', { scheme: 'mls-1', ciphertext: 'not base64!' }],
  ['nothing in it', { scheme: 'mls-1', ciphertext: '' }],
  ['more than 24,576 characters', encrypt('x'.repeat(18_433))],
  ['a scheme of two lines', { ...encrypt('x'), scheme: 'mls\n1' }],
  ['no scheme', { ciphertext: 'eA==' }],
])('A5.16 an encrypted message with %s is refused and stores nothing', async ([, content], { api, pair }) => {
  const { status, body } = await pair.send(content as object)
  expect([status, body.error?.code]).toEqual([400, 'invalid_request'])
  expect((await api.get('/v1/conversations', pair.ben.token)).body).toMatchObject({ conversations: [] })
})
