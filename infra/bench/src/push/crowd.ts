import type { Stack } from '@parley/local/stack'
import { createApi, signUp } from '@parley/testing/chat-api'
import { Client } from 'pg'

/** A group of one speaker and many who are away, each with an iPhone. */
export interface Crowd extends AsyncDisposable {
  conversationId: string
  userIds: string[]
  /** Speaks through the API. */
  say: () => Promise<void>
  /** Puts an entry into the log as a send does, and rings nowhere; its seq. */
  append: () => Promise<number>
  /** How many of them have not been told of everything. */
  untold: () => Promise<number>
}

export async function gatherCrowd(stack: Stack, size: number): Promise<Crowd> {
  const api = createApi(stack.urls.messages)
  const owner = await signUp(api, 'speaker')
  const { body } = await api.post(
    '/v1/conversations',
    { name: 'Crowd', policy: 'public', userIds: [] },
    owner.token,
  )
  const { conversationId } = body['summary'] as unknown as { conversationId: string }
  const db = new Client({ connectionString: stack.urls.postgres, options: '-c search_path=messages' })
  await db.connect()
  const people = `from generate_series(1, ${size}) as i`
  await db.query(`insert into account (user_id, password_hash) select 'away-' || i, 'x' ${people}`)
  await db.query(
    `insert into device (user_id, device_id, platform) select 'away-' || i, 'phone', 'ios' ${people}`,
  )
  await db.query(
    `insert into push_token (user_id, device_id, kind, token, environment)
     select 'away-' || i, 'phone', 'apns', md5(i::text) || md5((-i)::text), 'production' ${people}`,
  )
  await db.query(
    `insert into member (conversation_id, user_id, role, joined_seq, delivered_seq, read_seq, notified_seq)
     select $1, 'away-' || i, 'member', last_seq, last_seq, last_seq, last_seq
     from conversation, generate_series(1, ${size}) as i where conversation_id = $1`,
    [conversationId],
  )
  await db.query('update conversation set members_version = members_version + 1 where conversation_id = $1', [
    conversationId,
  ])
  await db.query('analyze')
  return {
    conversationId,
    userIds: Array.from({ length: size }, (_, i) => `away-${i + 1}`),
    async say() {
      const draft = {
        clientMessageId: crypto.randomUUID(),
        to: { conversationId },
        type: 'text',
        content: { text: 'The quick brown fox jumps over the lazy dog' },
      }
      const { status } = await api.post('/v1/messages', draft, owner.token)
      if (status >= 300) throw new Error(`the message was refused: ${status}`)
    },
    async append() {
      const { rows } = await db.query<{ seq: string }>(
        `with c as (
           update conversation set last_seq = last_seq + 1, last_count = last_count + 1, last_at = now()
           where conversation_id = $1 returning last_seq, last_count
         )
         insert into entry (conversation_id, seq, kind, sender_id, client_message_id, type, content, counted, pushed, count)
         select $1, last_seq, 'message', $2, $3, 'text', '{"text":"The quick brown fox jumps over the lazy dog"}', true, true, last_count
         from c returning seq`,
        [conversationId, owner.userId, crypto.randomUUID()],
      )
      return Number(rows[0]?.seq)
    },
    async untold() {
      const { rows } = await db.query<{ count: string }>(
        `select count(*) from member m join conversation c using (conversation_id)
         where conversation_id = $1 and user_id like 'away-%' and notified_seq < c.last_seq`,
        [conversationId],
      )
      return Number(rows[0]?.count)
    },
    [Symbol.asyncDispose]: () => db.end(),
  }
}
