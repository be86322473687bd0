import { type Kysely, sql } from 'kysely'

/** Columns of entries that no statement finds them by, or only together with the whole of a unique key. */
const notAskedAbout = [
  'content',
  'client_message_id',
  'client_sent_at',
  'reply_to',
  'mentions',
  'ext',
  'digest',
  'reactions',
  'edited_at',
  'count',
]

/**
 * While a log is young it is analyzed every minute, partition by partition, and most of that time goes to columns whose
 * statistics no plan needs. Of terms none does, since what is searched for is not known when a search is planned.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  const without = notAskedAbout.map((column) => sql`alter ${sql.id(column)} set statistics 0`)
  await sql`alter table entry ${sql.join(without)}`.execute(db)
  await sql`alter table search_document alter terms set statistics 0`.execute(db)
}
