import { type Kysely, sql } from 'kysely'

/** Who shows a picture is asked whenever somebody looks at it. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`create index account_avatar_idx on account (avatar) where avatar is not null`.execute(db)
  await sql`
    create index conversation_avatar_url_idx on conversation (avatar_url) where avatar_url is not null`.execute(
    db,
  )
}
