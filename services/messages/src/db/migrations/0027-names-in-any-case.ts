import { type Kysely, sql } from 'kysely'

/**
 * Names are told apart by Unicode's own table of cases, the same on every server. A function folds by the collation of
 * what it is given, and ids have "C", in which `É` has no small letter: who is called Émile was not found at all.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create or replace function directory_terms(user_id text, display_name text) returns setof text language sql immutable
    set search_path from current as $$
      select casefold(user_id collate pg_unicode_fast)
      union
      select substr(n, i, 64)
      from (select casefold(normalize(display_name, nfkc) collate pg_unicode_fast) as n) d, generate_series(1, length(n)) as i
      where substr(n, i, 1) !~ '\\s'
        and (i = 1 or substr(n, i - 1, 1) ~ '[\\s._''-]' or substr(n, i, 1) ~ '[\\u3040-\\u30ff\\u3400-\\u9fff\\uac00-\\ud7af\\uf900-\\ufaff]')
    $$`.execute(db)
}
