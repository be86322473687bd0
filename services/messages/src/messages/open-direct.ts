import type { AppError } from '@parley/shared/errors'
import type { Pool, PoolClient } from 'pg'
import type { MessagesFrom } from '../contacts/bars.ts'
import { barredFromWriting, unknownUser } from '../errors.ts'
import type { PreparedSend } from './commit-batch.ts'

/**
 * Opens the direct conversations these sends are the first of. Both people get their member row at once; two
 * who write to each other at the same moment open the same one. Sends to nobody get an error, and so do sends to
 * whoever blocks the sender or takes messages from contacts only. Whoever changes what two people are to each other
 * holds the same lock, so what was read here is true at the commit; from then on the member rows say it.
 */
export async function openDirectConversations(
  pool: Pool,
  sends: PreparedSend[],
  { messagesFrom }: { messagesFrom: MessagesFrom },
): Promise<Map<PreparedSend, AppError>> {
  const client = await pool.connect()
  let broken = true
  try {
    await client.query('begin')
    await client.query(
      `select pg_advisory_xact_lock(key)
       from (select distinct hashtextextended(id, 0) as key from unnest($1::text[]) as u (id) order by key) k`,
      [sends.map((send) => send.conversationId)],
    )
    const rows = await open(client, sends, messagesFrom)
    await client.query('commit')
    broken = false
    return refusals(sends, rows)
  } finally {
    // A connection in doubt is closed, which rolls back what it had not committed.
    client.release(broken)
  }
}

interface Row {
  conversation_id: string
  sender_id: string
  barred: boolean
}

async function open(client: PoolClient, sends: PreparedSend[], messagesFrom: MessagesFrom): Promise<Row[]> {
  const pairs = sends.map((send) => [send.senderId, send.directTo ?? ''].toSorted())
  const { rows } = await client.query<Row>({
    name: 'open-direct-conversations',
    text: `
      with pair as materialized (
        select p.*,
          c.conversation_id is null and (
            coalesce(mine.blocked, false) or coalesce(theirs.blocked, false)
            or (coalesce(y.messages_from, $6) = 'contacts' and mine.state is distinct from 'contact')
          ) as barred
        from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])
          as p (conversation_id, sender_id, other_id, a, b)
        join account x on x.user_id = p.sender_id
        join account y on y.user_id = p.other_id
        left join conversation c on c.conversation_id = p.conversation_id
        left join contact mine on mine.user_id = p.sender_id and mine.other_id = p.other_id
        left join contact theirs on theirs.user_id = p.other_id and theirs.other_id = p.sender_id
      ),
      opened as (
        insert into conversation (conversation_id, kind, user_ids, creator_id, last_seq, last_count)
        select distinct on (conversation_id) conversation_id, 'direct', array[a, b], sender_id, 0, 0
        from pair where not barred
        order by conversation_id
        on conflict do nothing
        returning conversation_id, user_ids
      ),
      joined as (
        insert into member (conversation_id, user_id, role, joined_seq, delivered_seq, read_seq, notified_seq)
        select conversation_id, unnest(user_ids), 'member', 0, 0, 0, 0 from opened
        on conflict do nothing
      )
      select conversation_id, sender_id, barred from pair`,
    values: [
      sends.map((send) => send.conversationId),
      sends.map((send) => send.senderId),
      sends.map((send) => send.directTo),
      pairs.map(([a]) => a),
      pairs.map(([, b]) => b),
      messagesFrom,
    ],
  })
  return rows
}

function refusals(sends: PreparedSend[], rows: Row[]): Map<PreparedSend, AppError> {
  const keyOf = (conversationId: string, senderId: string) => `${conversationId}\n${senderId}`
  const barred = new Map(rows.map((row) => [keyOf(row.conversation_id, row.sender_id), row.barred]))
  const refused = new Map<PreparedSend, AppError>()
  for (const send of sends) {
    const isBarred = barred.get(keyOf(send.conversationId, send.senderId))
    if (isBarred === undefined) refused.set(send, unknownUser())
    else if (isBarred) refused.set(send, barredFromWriting())
  }
  return refused
}
