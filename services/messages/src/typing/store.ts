import { type Kysely, sql } from 'kysely'
import type { ConversationKind, Database, Role } from '../db/schema.ts'

export interface WriterRow {
  conversationId: string
  userId: string
  kind: ConversationKind
  /** The two people of a direct conversation. */
  userIds: string[] | null
  role: Role
  barred: string | null
  silencedUntil: Date | null
  speaksAlways: boolean
  allSilenced: boolean
  /** Counted up to the limit and one more. */
  members: number
}

/** How members stand in conversations, and how many people are there; nothing for who is in none. */
export async function listWriters(
  db: Kysely<Database>,
  asks: { userId: string; conversationId: string }[],
  countUpTo: number,
): Promise<WriterRow[]> {
  const { rows } = await sql<WriterRow>`
    select m.conversation_id, m.user_id, c.kind, c.user_ids, m.role, m.barred, m.silenced_until, m.speaks_always, c.all_silenced,
      (select count(*) from (select from member o where o.conversation_id = c.conversation_id limit ${countUpTo + 1}) counted) as members
    from unnest(${asks.map((ask) => ask.conversationId)}::text[], ${asks.map((ask) => ask.userId)}::text[])
      as i (conversation_id, user_id)
    join member m on m.conversation_id = i.conversation_id and m.user_id = i.user_id
    join conversation c on c.conversation_id = m.conversation_id`.execute(db)
  return rows
}
