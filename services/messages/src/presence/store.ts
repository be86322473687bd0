import { type Kysely, sql } from 'kysely'
import type { Database } from '../db/schema.ts'

export interface VisibleRow {
  userId: string
  seenBy: string
  /** When the user was there last, if that was ever noted. */
  lastSeenAt: Date | null
}

/**
 * Which of these users may be seen by whom: contacts, and to whoever shows themselves to everyone also people they
 * share a group with, or a direct conversation in which both may write. Nobody who blocks the other, is blocked by
 * them, is suspended or shows themselves to nobody.
 */
export async function listVisible(
  db: Kysely<Database>,
  pairs: { userId: string; seenBy: string }[],
): Promise<VisibleRow[]> {
  if (pairs.length === 0) return []
  const { rows } = await sql<VisibleRow>`
    select i.user_id, i.seen_by, l.at as last_seen_at
    from unnest(${pairs.map(({ userId }) => userId)}::text[], ${pairs.map(({ seenBy }) => seenBy)}::text[]) as i (user_id, seen_by)
    join account a on a.user_id = i.user_id
    left join last_seen l on l.user_id = i.user_id
    where i.user_id <> i.seen_by and a.presence_to <> 'nobody' and a.suspended_at is null
      and not exists (
        select from contact b
        where b.blocked and ((b.user_id = i.user_id and b.other_id = i.seen_by) or (b.user_id = i.seen_by and b.other_id = i.user_id))
      )
      and (
        exists (select from contact c where c.user_id = i.user_id and c.other_id = i.seen_by and c.state = 'contact')
        or a.presence_to = 'everyone' and exists (
          select from member one join member two on two.conversation_id = one.conversation_id
          where one.user_id = i.user_id and two.user_id = i.seen_by and one.barred is null and two.barred is null
        )
      )`.execute(db)
  return rows
}

/** Times never go back. Rows are taken in one order, so two gateways that tell of the same users take turns. */
export async function saveLastSeen(
  db: Kysely<Database>,
  seen: { userId: string; at: string }[],
): Promise<void> {
  await sql`
    insert into last_seen (user_id, at)
    select s.user_id, max(s.at)
    from unnest(${seen.map(({ userId }) => userId)}::text[], ${seen.map(({ at }) => at)}::timestamptz[]) as s (user_id, at)
    join account a on a.user_id = s.user_id
    group by s.user_id
    order by s.user_id
    on conflict (user_id) do update set at = excluded.at where excluded.at > last_seen.at`.execute(db)
}
