import { type Kysely, sql } from 'kysely'
import type { Database } from '../db/schema.ts'

export interface SendKey {
  conversationId: string
  senderId: string
  clientMessageId: string
}

/** In the order of the sends: whether each was committed before, or why it was refused. */
export async function listAnswered(
  db: Kysely<Database>,
  sends: SendKey[],
): Promise<{ sent: boolean; reason: string | null }[]> {
  const { rows } = await sql<{ sent: boolean; reason: string | null }>`
    select e.seq is not null as sent, v.reason
    from unnest(
      ${sends.map(({ conversationId }) => conversationId)}::text[], ${sends.map(({ senderId }) => senderId)}::text[],
      ${sends.map(({ clientMessageId }) => clientMessageId)}::text[]
    ) with ordinality as i (conversation_id, sender_id, client_message_id, place)
    left join entry e on e.conversation_id = i.conversation_id and e.sender_id = i.sender_id
      and e.client_message_id = i.client_message_id
    left join vetoed_send v on v.conversation_id = i.conversation_id and v.sender_id = i.sender_id
      and v.client_message_id = i.client_message_id
    order by i.place`.execute(db)
  return rows
}

export async function insertVetoes(
  db: Kysely<Database>,
  vetoes: (SendKey & { reason: string })[],
): Promise<void> {
  await db
    .insertInto('vetoedSend')
    .values(vetoes)
    .onConflict((conflict) => conflict.doNothing())
    .execute()
}

export async function removeOldVetoes(db: Kysely<Database>, olderThanDays: number): Promise<void> {
  await sql`
    delete from vetoed_send where ctid in (
      select ctid from vetoed_send where at < now() - ${olderThanDays} * interval '1 day' limit 10000
    )`.execute(db)
}
