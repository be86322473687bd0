import { type Kysely, sql } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    alter table media
      add column forms jsonb not null default '[]',
      add column animated boolean not null default false,
      add column duration_ms int,
      add column waveform smallint[],
      add column video_codec text,
      add column audio_codec text,
      add column stage text`.execute(db)
  await sql`
    update media set forms = jsonb_build_array(jsonb_build_object('name', 'thumbnail', 'contentType', 'image/webp',
      'key', thumbnail_key, 'width', thumbnail_width, 'height', thumbnail_height))
    where thumbnail_key is not null`.execute(db)
  // No release has read these.
  await sql`
    alter table media drop column thumbnail_key, drop column thumbnail_width, drop column thumbnail_height`.execute(
    db,
  )
}
