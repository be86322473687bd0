import type { MediaId } from '@parley/shared/ids'
import { type Kysely, sql } from 'kysely'
import type { Database } from '../db/schema.ts'

/**
 * Whether a user may see media at this moment: in a message of a conversation they are in, or as the picture of
 * somebody, or of a group that shows itself to them.
 */
export async function isVisible(db: Kysely<Database>, userId: string, mediaId: MediaId): Promise<boolean> {
  const { rows } = await sql<{ visible: boolean }>`
    select exists (
      select from media_reference r
      join member m on m.conversation_id = r.conversation_id and m.user_id = ${userId}
      join entry e on e.conversation_id = r.conversation_id and e.seq = r.seq
      where r.media_id = ${mediaId} and e.recalled_at is null and ${sees}
    ) or exists (
      -- Whoever has an account sees everybody's profile.
      select from account where avatar = ${mediaId}
    ) or exists (
      select from conversation c
      left join member m on m.conversation_id = c.conversation_id and m.user_id = ${userId}
      where c.avatar_url = ${mediaId} and c.dissolved_at is null
        and (m.user_id is not null or c.join_by <> 'invitation')
    ) as visible`.execute(db)
  return rows[0]?.visible ?? false
}

interface Shown {
  picture: string | null
}

export async function findAvatar(db: Kysely<Database>, userId: string): Promise<Shown | undefined> {
  return db.selectFrom('account').select('avatar as picture').where('userId', '=', userId).executeTakeFirst()
}

/** Undefined for whoever does not see the group: neither is in it nor may come in uninvited. */
export async function findGroupPicture(
  db: Kysely<Database>,
  conversationId: string,
  userId: string,
): Promise<Shown | undefined> {
  return db
    .selectFrom('conversation as c')
    .leftJoin('member as m', (join) =>
      join.onRef('m.conversationId', '=', 'c.conversationId').on('m.userId', '=', userId),
    )
    .select('c.avatarUrl as picture')
    .where('c.conversationId', '=', conversationId)
    .where('c.policy', 'is not', null)
    .where('c.dissolvedAt', 'is', null)
    .where((eb) => eb.or([eb('m.userId', 'is not', null), eb('c.joinBy', '!=', 'invitation')]))
    .executeTakeFirst()
}

interface NeededQuery {
  mediaIds: MediaId[]
  /** ISO 8601. Messages that are not newer do not count. */
  sentAfter: string | null
  /** The policies that show newcomers what was said before them. */
  showingAll: string[]
}

/** Which media somebody can still see, or may yet see by coming in. */
export async function listNeeded(db: Kysely<Database>, query: NeededQuery): Promise<MediaId[]> {
  const { rows } = await sql<{ mediaId: MediaId }>`
    select i.media_id
    from unnest(${query.mediaIds}::uuid[]) i (media_id)
    where exists (
      select from media_reference r
      join entry e on e.conversation_id = r.conversation_id and e.seq = r.seq
      join conversation c on c.conversation_id = r.conversation_id
      where r.media_id = i.media_id and e.recalled_at is null and c.dissolved_at is null
        and (${query.sentAfter}::timestamptz is null or e.sent_at > ${query.sentAfter}::timestamptz)
        and (
          c.policy = any(${query.showingAll}::text[])
          or exists (select from member m where m.conversation_id = r.conversation_id and ${sees})
        )
    )
    or exists (select from account where avatar = i.media_id::text)
    or exists (
      select from conversation c
      where c.avatar_url = i.media_id::text and c.dissolved_at is null
        and (c.join_by <> 'invitation' or exists (select from member where conversation_id = c.conversation_id))
    )`.execute(db)
  return rows.map(({ mediaId }) => mediaId)
}

/** Of a member `m` and a reference `r`: whether they have neither come later, nor cleared, nor deleted the message. */
const sees = sql`
  r.seq > m.joined_seq and r.seq > m.cleared_seq
  and (not m.hides_entries or not exists (
    select from hidden_entry h
    where h.user_id = m.user_id and h.conversation_id = r.conversation_id and h.seq = r.seq))`
