import { randomUUID as uuid } from 'node:crypto'
import { directConversationId, type UserId } from '@parley/shared/ids'
import type { SyncPage } from '@parley/shared/protocol'
import { type Api, type Person, signUp } from '@parley/testing/chat-api'
import type { Pool } from 'pg'
import { describe, expect } from 'vitest'
import { commitPlain } from '../src/messages/commit-plain.ts'
import { test as base } from './fixture.ts'

interface Talk {
  ann: Person
  ben: Person
  conversationId: string
}

/** Two people, one of whom has one unread message of the other. */
const test = base.extend('talk', async ({ api }): Promise<Talk> => {
  const [ann, ben] = [await signUp(api, 'ann'), await signUp(api, 'ben')]
  await say(api, ben, ann)
  return { ann, ben, conversationId: directConversationId(ann.userId as UserId, ben.userId as UserId) }
})

const say = (api: Api, from: Person, { userId }: Person) =>
  api.post(
    '/v1/messages',
    { clientMessageId: uuid(), to: { userId }, type: 'text', content: { text: 'hi' } },
    from.token,
  )

const hide = (api: Api, { ann, conversationId }: Talk, hidden: boolean) =>
  api.put(`/v1/conversations/${conversationId}/settings`, { hidden }, ann.token)

/** What Ann's devices are told, by every way that tells it. */
async function seen(api: Api, { ann, conversationId }: Talk) {
  const [list, sync, unread] = await Promise.all([
    api.get('/v1/conversations', ann.token),
    api.get('/v1/sync', ann.token),
    api.get('/v1/unread', ann.token),
  ])
  const { conversations } = sync.body as unknown as SyncPage
  const change = conversations.find(({ conversationId: id }) => id === conversationId)
  return {
    listed: (list.body['conversations'] as unknown as object[]).length,
    ...change?.settings,
    unread: change?.unread,
    badge: unread.body['total'],
  }
}

test('A7.3 a conversation that is hidden while a message commits is back with it', async ({
  api,
  service,
  talk,
}) => {
  const send = {
    conversationId: talk.conversationId,
    senderId: talk.ben.userId,
    directTo: talk.ann.userId,
    clientMessageId: uuid(),
    type: 'text',
    content: { text: 'hi' },
    digest: null,
    replyTo: null,
    mentions: null,
    ext: null,
    clientSentAt: null,
    mediaId: null,
    stored: true,
    counted: true,
    pushed: true,
    synced: true,
    bySystem: false,
  }
  const client = await service.ctx.pool.connect()
  try {
    await client.query('begin')
    const { standings } = await commitPlain(client, [send])
    expect(standings).toMatchObject([{ kind: 'committed', seq: 2 }])
    expect((await hide(api, talk, true)).body).toEqual({ pinned: false, hidden: true })
    await client.query('commit')
  } finally {
    client.release()
  }
  expect(await seen(api, talk)).toEqual({ listed: 1, pinned: false, hidden: false, unread: 2, badge: 2 })
})

describe('beside an instance of the release before', () => {
  const write = (pool: Pool, { ann, conversationId }: Talk, hiddenAt: string) =>
    pool.query(
      `update member m set hidden_at = ${hiddenAt} from conversation c
       where c.conversation_id = $1 and m.conversation_id = $1 and m.user_id = $2`,
      [conversationId, ann.userId],
    )
  const hideBefore = (pool: Pool, talk: Talk) => write(pool, talk, 'greatest(now(), c.last_at)')
  const isHiddenBefore = async (pool: Pool, { ann, conversationId }: Talk) => {
    const { rows } = await pool.query<{ hidden: boolean | null }>(
      `select m.hidden_at >= c.last_at as hidden from member m join conversation c using (conversation_id)
       where m.conversation_id = $1 and m.user_id = $2`,
      [conversationId, ann.userId],
    )
    return rows[0]?.hidden
  }

  test('what it hid is hidden until something new comes', async ({ api, service, talk }) => {
    await hideBefore(service.ctx.pool, talk)
    expect(await seen(api, talk)).toMatchObject({ listed: 0, hidden: true, unread: 0, badge: 0 })
    await say(api, talk.ben, talk.ann)
    expect(await seen(api, talk)).toMatchObject({ listed: 1, hidden: false, unread: 2, badge: 2 })
  })

  test('what it hides again after something new came is hidden', async ({ api, service, talk }) => {
    await hide(api, talk, true)
    await say(api, talk.ben, talk.ann)
    await hideBefore(service.ctx.pool, talk)
    expect(await seen(api, talk)).toMatchObject({ listed: 0, hidden: true, unread: 0, badge: 0 })
  })

  test('what it shows again is shown', async ({ api, service, talk }) => {
    await hide(api, talk, true)
    await write(service.ctx.pool, talk, 'null')
    expect(await seen(api, talk)).toMatchObject({ listed: 1, hidden: false, unread: 1, badge: 1 })
  })

  test('it sees what is hidden here, and what is shown again', async ({ api, service, talk }) => {
    await hide(api, talk, true)
    expect(await isHiddenBefore(service.ctx.pool, talk)).toBe(true)
    await say(api, talk.ben, talk.ann)
    expect(await isHiddenBefore(service.ctx.pool, talk)).toBe(false)
    await hide(api, talk, true)
    await hide(api, talk, false)
    expect(await isHiddenBefore(service.ctx.pool, talk)).toBeNull()
  })
})
