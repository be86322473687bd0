import { type Kysely, sql } from 'kysely'

const entryPartitions = 16
/** Those that 0021 left statistics to. */
const askedAbout = [
  'conversation_id',
  'seq',
  'kind',
  'sender_id',
  'type',
  'counted',
  'pushed',
  'synced',
  'sent_at',
  'recalled_at',
  'target_seq',
]

/**
 * What plans ask of entries, how many a conversation has, hardly changes while the log grows, and a sample of 6,000 tells it
 * as one of 30,000 does. By default each partition would be analyzed seven times until it is twice as large; so it is twice.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  const sampled = askedAbout.map((column) => sql`alter ${sql.id(column)} set statistics 20`)
  await sql`alter table entry ${sql.join(sampled)}`.execute(db)
  for (let remainder = 0; remainder < entryPartitions; remainder++)
    await sql`
      alter table ${sql.id(`entry_${String(remainder).padStart(2, '0')}`)}
      set (autovacuum_analyze_scale_factor = 0.5)`.execute(db)
}
