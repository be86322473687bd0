import { type Kysely, sql, type Transaction } from 'kysely'
import type { Database } from '../db/schema.ts'

export type HeldMessage = NonNullable<Awaited<ReturnType<typeof findMessage>>>

/** A message of a conversation whose row the caller holds. */
export async function findMessage(trx: Transaction<Database>, conversationId: string, seq: number) {
  return trx
    .selectFrom('entry')
    .select([
      'seq',
      'senderId',
      'type',
      'content',
      'digest',
      'synced',
      'sentAt',
      'editedAt',
      'recalledAt',
      'reactions',
    ])
    .where('conversationId', '=', conversationId)
    .where('seq', '=', seq)
    .where('kind', '=', 'message')
    .executeTakeFirst()
}

/**
 * Whether nobody in a conversation came after a message, cleared the log past it or deleted it for themselves. Members are not
 * gone through, who may be very many: nobody can send while this is asked, and the highest floor speaks for all.
 */
export async function isSeenByAll(
  db: Kysely<Database>,
  conversationId: string,
  seq: number,
): Promise<boolean> {
  const { rows } = await sql<{ seenByAll: boolean }>`
    select coalesce(${seq} > (
        select greatest(joined_seq, cleared_seq) from member
        where conversation_id = ${conversationId} and greatest(joined_seq, cleared_seq) > 0
        order by greatest(joined_seq, cleared_seq) desc
        limit 1
      ), true)
      and not exists (select from hidden_entry where conversation_id = ${conversationId} and seq = ${seq}) as seen_by_all`.execute(
    db,
  )
  return rows[0]?.seenByAll ?? false
}

/** The newest entry of a kind about a message, by one person where one is named. */
export async function findLastChange(
  db: Kysely<Database>,
  query: { conversationId: string; targetSeq: number; kind: string; senderId?: string },
): Promise<number> {
  const { senderId } = query
  const row = await db
    .selectFrom('entry')
    .select('seq')
    .where('conversationId', '=', query.conversationId)
    .where('targetSeq', '=', query.targetSeq)
    .where('kind', '=', query.kind)
    .$if(senderId !== undefined, (it) => it.where('senderId', '=', senderId ?? ''))
    .orderBy('seq', 'desc')
    .limit(1)
    .executeTakeFirst()
  return row?.seq ?? query.targetSeq
}

export async function editMessage(
  trx: Transaction<Database>,
  conversationId: string,
  seq: number,
  { content, digest }: { content: Record<string, unknown>; digest: string | null },
): Promise<void> {
  await trx
    .updateTable('entry')
    .set({ content: JSON.stringify(content), digest, editedAt: sql`now()` })
    .where('conversationId', '=', conversationId)
    .where('seq', '=', seq)
    .execute()
}

/** Takes the words out of a message and of every edit of it, and lets go of its media. */
export async function recallMessage(
  trx: Transaction<Database>,
  conversationId: string,
  seq: number,
): Promise<void> {
  await trx
    .updateTable('entry')
    .set({ content: '{}', digest: null, mentions: null, ext: null, reactions: null, recalledAt: sql`now()` })
    .where('conversationId', '=', conversationId)
    .where('seq', '=', seq)
    .execute()
  await trx
    .updateTable('entry')
    .set({ content: sql<string>`content - 'content' - 'digest'` })
    .where('conversationId', '=', conversationId)
    .where('targetSeq', '=', seq)
    .where('kind', '=', 'edit')
    .execute()
  await trx
    .deleteFrom('mediaReference')
    .where('conversationId', '=', conversationId)
    .where('seq', '=', seq)
    .execute()
}

export async function setReactions(
  trx: Transaction<Database>,
  conversationId: string,
  seq: number,
  reactions: Record<string, string[]>,
): Promise<void> {
  await trx
    .updateTable('entry')
    .set({ reactions: Object.keys(reactions).length > 0 ? JSON.stringify(reactions) : null })
    .where('conversationId', '=', conversationId)
    .where('seq', '=', seq)
    .execute()
}
