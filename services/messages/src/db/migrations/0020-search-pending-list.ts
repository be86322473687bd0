import { type Kysely, sql } from 'kysely'

/** Of the table that 0011 made. */
const partitions = 16

/**
 * Terms of new documents go into the index some hundred at a time, in their order, which is half the work. A search
 * reads what waits: 64 kB of each partition at most, the smallest that PostgreSQL allows.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (let remainder = 0; remainder < partitions; remainder++) {
    const index = sql.id(`search_document_${String(remainder).padStart(2, '0')}_terms_idx`)
    await sql`alter index ${index} set (fastupdate = on, gin_pending_list_limit = 64)`.execute(db)
  }
}
