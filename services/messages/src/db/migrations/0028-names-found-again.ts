import { type Kysely, sql } from 'kysely'

/**
 * Those of before, by the trigger that keeps the directory. Not in the migration that changed how names are folded: who
 * changes a name meanwhile already does it the new way.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    update account a set display_name = a.display_name
    where a.discoverable and exists (
      select from directory_terms(a.user_id, a.display_name) as made (term)
      where not exists (select from directory_term t where t.term = made.term and t.user_id = a.user_id)
    )`.execute(db)
}
