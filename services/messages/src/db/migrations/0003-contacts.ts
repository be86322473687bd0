import { type Kysely, sql } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    alter table account
      add column avatar text,
      add column discoverable boolean not null default true,
      add column messages_from text`.execute(db)

  // Why a member may not write, whatever the role.
  await sql`alter table member add column if not exists barred text`.execute(db)

  await sql`
    create table contact (
      user_id text collate "C" not null references account on delete cascade,
      other_id text collate "C" not null references account on delete cascade,
      state text not null,
      blocked boolean not null,
      remark text,
      greeting text,
      requested_at timestamptz,
      seq bigint not null,
      primary key (user_id, other_id)
    )`.execute(db)
  await sql`create index contact_seq_idx on contact (user_id, seq)`.execute(db)
  await sql`create index contact_other_idx on contact (other_id, user_id)`.execute(db)

  await sql`
    create table profile_change (
      user_id text collate "C" primary key references account on delete cascade,
      told_until text collate "C" not null
    )`.execute(db)

  await createDirectory(db)
}

/**
 * What an account is found by: its id, its name, and its name from each word on; in scripts without spaces, from
 * each character on. A trigger keeps it, whoever writes accounts, so the directory cannot fall behind.
 */
async function createDirectory(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table directory_term (
      term text collate "C" not null,
      user_id text collate "C" not null references account on delete cascade,
      primary key (term, user_id)
    )`.execute(db)
  await sql`create index directory_term_user_idx on directory_term (user_id)`.execute(db)

  await sql`
    create function directory_terms(user_id text, display_name text) returns setof text language sql immutable
    set search_path from current as $$
      select lower(user_id)
      union
      select substr(n, i, 64)
      from (select lower(normalize(display_name, nfkc)) as n) d, generate_series(1, length(n)) as i
      where substr(n, i, 1) !~ '\\s'
        and (i = 1 or substr(n, i - 1, 1) ~ '[\\s._''-]' or substr(n, i, 1) ~ '[\\u3040-\\u30ff\\u3400-\\u9fff\\uac00-\\ud7af\\uf900-\\ufaff]')
    $$`.execute(db)

  await sql`
    create function keep_directory() returns trigger language plpgsql
    set search_path from current as $$
    begin
      if tg_op = 'UPDATE' then
        delete from directory_term t where t.user_id = new.user_id;
      end if;
      if new.discoverable then
        insert into directory_term (term, user_id)
        select distinct term, new.user_id from directory_terms(new.user_id, new.display_name) as term;
      end if;
      return null;
    end
    $$`.execute(db)
  await sql`
    create trigger account_directory after insert or update of user_id, display_name, discoverable on account
    for each row execute function keep_directory()`.execute(db)
  await sql`
    insert into directory_term (term, user_id)
    select distinct term, a.user_id from account a, directory_terms(a.user_id, a.display_name) as term`.execute(
    db,
  )
}
