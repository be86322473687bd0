import { randomUUID as uuid } from 'node:crypto'
import { signUp } from '@parley/testing/chat-api'
import { sql, type Transaction } from 'kysely'
import { expect } from 'vitest'
import { isSeenByAll } from '../src/changes/store.ts'
import type { Database } from '../src/db/schema.ts'
import { test as base } from './fixture.ts'

const members = 3_000

/** Of a large group in which nobody came late, cleared or hid anything, and of many who hid something elsewhere. */
const test = base.extend('conversationId', async ({ api, pool }) => {
  const ann = await signUp(api)
  const { body } = await api.post('/v1/conversations', { name: 'G', policy: 'chatroom' }, ann.token)
  const { conversationId } = body['summary'] as unknown as { conversationId: string }
  const [other, name] = [`g-${uuid()}`, `u-${uuid().slice(0, 8)}`]
  const statements = [
    `insert into account (user_id) select '${name}-' || i from generate_series(1, ${members}) i`,
    `insert into conversation (conversation_id, kind, creator_id, last_seq, last_count) values ('${other}', 'group', '${name}-1', 9, 9)`,
    `insert into member (conversation_id, user_id, role, joined_seq, delivered_seq, read_seq, notified_seq)
     select c, '${name}-' || i, 'member', 0, 0, 0, 0
     from generate_series(1, ${members}) i, unnest(array['${conversationId}', '${other}']) c`,
    `insert into hidden_entry (conversation_id, user_id, seq) select '${other}', '${name}-' || i, 1 from generate_series(1, ${members}) i`,
    `update member set hides_entries = true where conversation_id = '${other}'`,
  ]
  for (const statement of statements) await pool.query(statement)
  return conversationId
})

/** Rows of members and of what they hid that this connection has read, in this transaction or a little before it. */
async function countReads(trx: Transaction<Database>): Promise<number> {
  const { rows } = await sql<{ rows: number }>`
    select sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))::int as rows
    from pg_stat_xact_user_tables where relname in ('member', 'hidden_entry')`.execute(trx)
  return rows[0]?.rows ?? 0
}

const unseen = {
  'who came later': `update member set joined_seq = 1 where conversation_id = $1 and user_id like '%-7'`,
  'who cleared the log past it': `update member set cleared_seq = 1 where conversation_id = $1 and user_id like '%-7'`,
  'who deleted it for themselves': `insert into hidden_entry (conversation_id, user_id, seq)
    select conversation_id, user_id, 1 from member where conversation_id = $1 and user_id like '%-7'`,
}

test('whom an edit is not for is looked up, however many members there are', async ({
  conversationId,
  service,
}) => {
  await service.ctx.db.transaction().execute(async (trx) => {
    const before = await countReads(trx)
    expect(await isSeenByAll(trx, conversationId, 1)).toBe(true)
    expect((await countReads(trx)) - before).toBe(0)
  })
})

test.for(Object.entries(unseen))(
  'an edit is not for somebody %s',
  async ([_who, statement], { conversationId, service }) => {
    await service.ctx.pool.query(statement, [conversationId])
    const isFor = (seq: number) => isSeenByAll(service.ctx.db, conversationId, seq)
    expect([await isFor(1), await isFor(2)]).toEqual([false, true])
  },
)
