import { ownConversationId, type UserId } from '@parley/shared/ids'
import { sql, type Transaction } from 'kysely'
import type { Database } from '../db/schema.ts'
import type { OwnEntry } from './append-own.ts'

/** Opens the logs that are not there yet. Whoever they are of reads them and never writes into them. */
export async function openOwnLogs(trx: Transaction<Database>, userIds: string[]): Promise<void> {
  await sql`
    with opened as (
      insert into conversation (conversation_id, kind, user_ids, creator_id, last_seq, last_count)
      select id, 'self', array[user_id], user_id, 0, 0
      from unnest(${userIds.map(logOf)}::text[], ${userIds}::text[]) as o (id, user_id)
      order by id
      on conflict do nothing
      returning conversation_id, creator_id
    )
    insert into member (conversation_id, user_id, role, barred, joined_seq, delivered_seq, read_seq, notified_seq)
    select conversation_id, creator_id, 'member', 'own-log', 0, 0, 0, 0 from opened`.execute(trx)
}

/** In one order, so that two who hold the same logs take turns. */
export async function lockOwnLogs(trx: Transaction<Database>, userIds: string[]): Promise<void> {
  await trx
    .selectFrom('conversation')
    .select('conversationId')
    .where('conversationId', 'in', userIds.map(logOf))
    .orderBy('conversationId')
    .forNoKeyUpdate()
    .execute()
}

export interface AppendedRow {
  conversationId: string
  seq: number
  sentAt: Date
  dispatchId: number
}

/** One entry for each log, which the caller holds; each with a dispatch of its own. */
export async function insertOwnEntries(
  trx: Transaction<Database>,
  entries: OwnEntry[],
): Promise<AppendedRow[]> {
  const { rows } = await sql<AppendedRow>`
    with draft as (
      select * from unnest(
        ${entries.map(({ userId }) => logOf(userId))}::text[], ${entries.map(({ senderId }) => senderId)}::text[],
        ${entries.map(({ kind }) => kind)}::text[], ${entries.map(({ type }) => type)}::text[],
        ${entries.map(({ content }) => JSON.stringify(content))}::jsonb[],
        ${entries.map(({ counted }) => counted)}::boolean[], ${entries.map(({ pushed }) => pushed)}::boolean[]
      ) as d (id, sender_id, kind, type, content, counted, pushed)
    ),
    advanced as (
      update conversation c
      set last_seq = c.last_seq + 1, shown_seq = c.last_seq + 1, last_count = c.last_count + d.counted::int,
        last_at = greatest(c.entry_at, now()), entry_at = greatest(c.entry_at, now()), changed_xid = pg_current_xact_id()
      from draft d
      where c.conversation_id = d.id
      returning c.conversation_id, c.last_seq, c.last_count, c.last_at
    ),
    inserted as (
      insert into entry (conversation_id, seq, kind, sender_id, type, content, counted, pushed, count, sent_at)
      select d.id, a.last_seq, d.kind, d.sender_id, d.type, d.content, d.counted, d.pushed, a.last_count, a.last_at
      from draft d join advanced a on a.conversation_id = d.id
    ),
    noted as (
      insert into dispatch (conversation_ids, first_seqs, last_seqs)
      select array[conversation_id], array[last_seq], array[last_seq] from advanced
      returning dispatch_id, conversation_ids[1] as conversation_id
    )
    select a.conversation_id, a.last_seq as seq, a.last_at as sent_at, n.dispatch_id
    from advanced a join noted n on n.conversation_id = a.conversation_id`.execute(trx)
  return rows
}

const logOf = (userId: string) => ownConversationId(userId as UserId)
