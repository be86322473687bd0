import type { AppError } from '@parley/shared/errors'
import type { Pool, PoolClient } from 'pg'
import type { MessagesFrom } from '../contacts/bars.ts'
import { barredFromWriting, unknownUser } from '../errors.ts'
import type { PreparedSend } from './prepared-send.ts'

/**
 * Opens the direct conversations these sends are the first of. Both people get their member row at once; two
 * who write to each other at the same moment open the same one. Sends to nobody get an error, and so do sends to
 * whoever blocks the sender or takes messages from contacts only, unless they are the system's: those open one in which
 * the sender still may not write. Whoever changes what two people are to each other holds the same lock, so what was
 * read here is true at the commit; from then on the member rows say it.
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
  by_system: boolean
  refused: boolean
}

async function open(client: PoolClient, sends: PreparedSend[], messagesFrom: MessagesFrom): Promise<Row[]> {
  const pairs = sends.map((send) => [send.senderId, send.directTo ?? ''].toSorted())
  const { rows } = await client.query<Row>({
    name: 'open-direct-conversations',
    text: `
      with pair as materialized (
        select p.*, s.bar, c.conversation_id is null and s.bar is not null and not p.by_system as refused
        from unnest($1::text[], $2::text[], $3::text[], $4::boolean[], $5::text[], $6::text[])
          as p (conversation_id, sender_id, other_id, by_system, a, b)
        join account x on x.user_id = p.sender_id
        join account y on y.user_id = p.other_id
        left join conversation c on c.conversation_id = p.conversation_id
        left join contact mine on mine.user_id = p.sender_id and mine.other_id = p.other_id
        left join contact theirs on theirs.user_id = p.other_id and theirs.other_id = p.sender_id
        cross join lateral (
          select case
            when coalesce(mine.blocked, false) or coalesce(theirs.blocked, false) then 'blocked'
            when coalesce(y.messages_from, $7) = 'contacts' and mine.state is distinct from 'contact' then 'stranger'
          end as bar
        ) s
      ),
      opening as (
        select distinct on (conversation_id) * from pair where not refused order by conversation_id
      ),
      opened as (
        insert into conversation (conversation_id, kind, user_ids, creator_id, last_seq, last_count)
        select o.conversation_id, 'direct', array[o.a, o.b], o.sender_id, 0, 0
        from opening o
        on conflict do nothing
        returning conversation_id
      ),
      joined as (
        insert into member (conversation_id, user_id, role, joined_seq, delivered_seq, read_seq, notified_seq, barred)
        select conversation_id, sender_id, 'member', 0, 0, 0, 0, bar from opening join opened using (conversation_id)
        union all
        select conversation_id, other_id, 'member', 0, 0, 0, 0, nullif(bar, 'stranger')
        from opening join opened using (conversation_id)
        on conflict do nothing
      )
      select conversation_id, sender_id, by_system, refused from pair`,
    values: [
      sends.map((send) => send.conversationId),
      sends.map((send) => send.senderId),
      sends.map((send) => send.directTo),
      sends.map((send) => send.bySystem),
      pairs.map(([a]) => a),
      pairs.map(([, b]) => b),
      messagesFrom,
    ],
  })
  return rows
}

function refusals(sends: PreparedSend[], rows: Row[]): Map<PreparedSend, AppError> {
  const keyOf = (conversationId: string, senderId: string, bySystem: boolean) =>
    `${conversationId}\n${senderId}\n${bySystem}`
  const known = new Map(
    rows.map((row) => [keyOf(row.conversation_id, row.sender_id, row.by_system), row.refused]),
  )
  const refused = new Map<PreparedSend, AppError>()
  for (const send of sends) {
    const isRefused = known.get(keyOf(send.conversationId, send.senderId, send.bySystem))
    if (isRefused === undefined) refused.set(send, unknownUser())
    else if (isRefused) refused.set(send, barredFromWriting())
  }
  return refused
}
