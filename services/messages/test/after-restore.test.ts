import type { SyncPage } from '@parley/shared/protocol'
import { signUp } from '@parley/testing/chat-api'
import { sql } from 'kysely'
import { expect } from 'vitest'
import { beginNewHistory } from '../src/db/database.ts'
import { test } from './fixture.ts'

test('P4 after a restore devices start over once, and what a dump brought is not told for ever', async ({
  api,
  config,
  service: { ctx },
}) => {
  const ann = await signUp(api, 'ann')
  const ben = await signUp(api, 'ben')
  await api.post(
    '/v1/messages',
    { clientMessageId: '1', to: { userId: ben.userId }, type: 'text', content: { text: 'before' } },
    ann.token,
  )
  const sync = async (cursor?: string) =>
    (await api.get(`/v1/sync${cursor ? `?cursor=${encodeURIComponent(cursor)}` : ''}`, ben.token))
      .body as unknown as SyncPage
  const tellsOfAnn = ({ conversations }: SyncPage) =>
    conversations.some(({ entries }) => entries.some(({ senderId }) => senderId === ann.userId))
  const settled = (await sync()).cursor
  expect(tellsOfAnn(await sync(settled))).toBe(false)

  // As a dump of a server with a longer past leaves it: changed by transactions that are still to come here.
  await sql`update conversation set changed_xid = '900000000000'`.execute(ctx.db)
  await sql`update member set changed_xid = '900000000000'`.execute(ctx.db)
  expect(tellsOfAnn(await sync((await sync()).cursor))).toBe(true)

  expect(await beginNewHistory(config.database, ctx.log)).toEqual(
    expect.arrayContaining(['conversation', 'member']),
  )
  const over = await sync(settled)
  expect(tellsOfAnn(over)).toBe(true)
  expect(tellsOfAnn(await sync(over.cursor))).toBe(false)
})
