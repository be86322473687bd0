import { type Kysely, sql } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  // An account whose tokens the operator's own back end issues has no password here.
  await sql`
    alter table account
      alter column password_hash drop not null,
      add column suspended_at timestamptz,
      add column suspension_reason text`.execute(db)

  // Such an account's sessions have no refresh token; their access tokens count from `tokens_from` on.
  await sql`
    alter table session
      alter column refresh_hash drop not null,
      add column address text,
      add column end_reason text,
      add column ended_by uuid,
      add column tokens_from timestamptz`.execute(db)
}
