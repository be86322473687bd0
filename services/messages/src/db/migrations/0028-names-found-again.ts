import { type Kysely, sql } from 'kysely'

/**
 * Those of before that are not of ASCII alone. Not in the migration that changed how names are folded: who changes a name
 * meanwhile already has it folded the new way, and who would while this runs waits for it.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    with folded as materialized (
      select a.user_id, made.term
      from account a, directory_terms(a.user_id, a.display_name) as made (term)
      where a.discoverable and a.display_name ~ '[^\\x01-\\x7f]'
      for no key update of a
    ), gone as (
      delete from directory_term t
      where t.user_id in (select user_id from folded)
        and not exists (select from folded f where f.user_id = t.user_id and f.term = t.term)
    )
    insert into directory_term (term, user_id)
    select term, user_id from folded
    on conflict do nothing`.execute(db)
}
