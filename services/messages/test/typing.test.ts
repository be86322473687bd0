import { type ConversationId, directConversationId, type UserId } from '@parley/shared/ids'
import { type Api, type Person, signUp } from '@parley/testing/chat-api'
import { describe, expect } from 'vitest'
import { test as base } from './fixture.ts'

const test = base.extend(
  'typing',
  { scope: 'file' },
  ({ rpc }) =>
    async ({ userId }: Person, conversationId: string) => {
      const asks = [{ userId: userId as UserId, conversationId: conversationId as ConversationId }]
      const { results } = await rpc.call('typing/audience', { asks })
      const [result] = results
      return result?.ok ? result.data : result?.error.code
    },
)

async function makeGroup(api: Api, owner: Person, ...members: Person[]): Promise<string> {
  const reply = await api.post(
    '/v1/conversations',
    { name: 'typists', policy: 'public', userIds: members.map(({ userId }) => userId) },
    owner.token,
  )
  return (reply.body['summary'] as unknown as { conversationId: string }).conversationId
}

describe('who hears that somebody types', () => {
  test('P9 is the other of two people, until one blocks the other', async ({ api, typing }) => {
    const [ann, ben] = [await signUp(api), await signUp(api)]
    const conversationId = directConversationId(ann.userId as UserId, ben.userId as UserId)
    expect(await typing(ann, conversationId)).toBe('forbidden')
    const draft = { clientMessageId: 'c1', to: { userId: ben.userId }, type: 'text', content: { text: 'hi' } }
    expect((await api.post('/v1/messages', draft, ann.token)).status).toBe(201)
    expect(await typing(ann, conversationId)).toEqual({ room: `u:${ben.userId}` })
    expect(await typing(ben, conversationId)).toEqual({ room: `u:${ann.userId}` })
    await api.put(`/v1/contacts/${ann.userId}/block`, {}, ben.token)
    expect([await typing(ann, conversationId), await typing(ben, conversationId)]).toEqual([
      'forbidden',
      'forbidden',
    ])
  })

  test('P9 is a group, for members who may write there', async ({ api, typing }) => {
    const [ann, ben, eve] = [await signUp(api), await signUp(api), await signUp(api)]
    const conversationId = await makeGroup(api, ann, ben)
    expect(await typing(ben, conversationId)).toEqual({ room: `c:${conversationId}` })
    expect(await typing(eve, conversationId)).toBe('forbidden')
    expect(
      (await api.put(`/v1/conversations/${conversationId}/silence`, { silenced: true }, ann.token)).status,
    ).toBe(200)
    expect([await typing(ann, conversationId), await typing(ben, conversationId)]).toEqual([
      { room: `c:${conversationId}` },
      'forbidden',
    ])
  })

  test('P10 is nobody in a group of more than 200', async ({ api, typing, service }) => {
    const ann = await signUp(api)
    const conversationId = await makeGroup(api, ann, await signUp(api))
    await service.ctx.pool.query(
      `with people as (
         insert into account (user_id, password_hash) select 'typist-' || n, 'x' from generate_series(1, 198) n returning user_id
       )
       insert into member (conversation_id, user_id, role, joined_seq, delivered_seq, read_seq, notified_seq)
       select $1, user_id, 'member', 0, 0, 0, 0 from people`,
      [conversationId],
    )
    expect(await typing(ann, conversationId)).toEqual({ room: `c:${conversationId}` })
    await service.ctx.pool.query(
      `insert into member (conversation_id, user_id, role, joined_seq, delivered_seq, read_seq, notified_seq)
       values ($1, $2, 'member', 0, 0, 0, 0)`,
      [conversationId, (await signUp(api)).userId],
    )
    expect(await typing(ann, conversationId)).toEqual({})
  })
})
