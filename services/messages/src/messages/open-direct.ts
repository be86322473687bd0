import type { AppError } from '@parley/shared/errors'
import type { Pool } from 'pg'
import { unknownUser } from '../errors.ts'
import type { PreparedSend } from './commit-batch.ts'

/**
 * Opens the direct conversations these sends are the first of. Both people get their member row at once; two
 * who write to each other at the same moment open the same one. Sends to nobody get an error.
 */
export async function openDirectConversations(
  pool: Pool,
  sends: PreparedSend[],
): Promise<Map<PreparedSend, AppError>> {
  const pairs = sends.map((send) => [send.senderId, send.directTo ?? ''].toSorted())
  const { rows } = await pool.query<{ conversation_id: string }>({
    name: 'open-direct-conversations',
    text: `
      with pair as (
        select distinct on (p.conversation_id) p.conversation_id, p.a, p.b, p.sender_id
        from unnest($1::text[], $2::text[], $3::text[], $4::text[]) as p (conversation_id, a, b, sender_id)
        join account x on x.user_id = p.a
        join account y on y.user_id = p.b
        order by p.conversation_id
      ),
      opened as (
        insert into conversation (conversation_id, kind, user_ids, creator_id, last_seq, last_count)
        select conversation_id, 'direct', array[a, b], sender_id, 0, 0 from pair
        on conflict do nothing
        returning conversation_id, user_ids
      ),
      joined as (
        insert into member (conversation_id, user_id, role, joined_seq, delivered_seq, read_seq, notified_seq)
        select conversation_id, unnest(user_ids), 'member', 0, 0, 0, 0 from opened
        on conflict do nothing
      )
      select conversation_id from pair`,
    values: [
      sends.map((send) => send.conversationId),
      pairs.map(([a]) => a),
      pairs.map(([, b]) => b),
      sends.map((send) => send.senderId),
    ],
  })
  const open = new Set(rows.map((row) => row.conversation_id))
  return new Map(sends.filter((send) => !open.has(send.conversationId)).map((send) => [send, unknownUser()]))
}
