import { type Kysely, sql } from 'kysely'

/**
 * The conversation comes last in the key of what a client sent, so that only the log's own key begins with it. While
 * a table is small or new to the planner both cost it the same, and it read whole conversations by the wrong one.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    alter table entry
      add constraint entry_sent_once_key unique (sender_id, client_message_id, conversation_id)`.execute(db)
  await sql`alter table entry drop constraint entry_client_message_id_key`.execute(db)
}
