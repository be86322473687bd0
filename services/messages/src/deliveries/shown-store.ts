import type { PushOutcome, ReadMark } from '@parley/shared/delivery'
import type { PushTokenKind } from '@parley/shared/protocol'
import { type Kysely, sql } from 'kysely'
import type { Database } from '../db/schema.ts'
import { mayHaveUnread, unreadOf } from '../log/unread.ts'
import { hasLostAlerts, quietKinds, type TokenRow } from './due-store.ts'

/** Each user's unread over all conversations: what an app's badge shows. */
export async function listBadges(db: Kysely<Database>, userIds: string[]): Promise<Map<string, number>> {
  const { rows } = await sql<{ userId: string; unread: number }>`
    select m.user_id, sum(${unreadOf})::bigint as unread
    from member m
    join conversation c on c.conversation_id = m.conversation_id
    where m.user_id = any(${userIds}) and ${mayHaveUnread}
    group by m.user_id`.execute(db)
  return new Map(rows.map(({ userId, unread }) => [userId, unread]))
}

/** Of a device that was told something, and nobody knows what it shows. */
const unknownBadge = -1
/** Later than every transaction: nothing has happened since. */
const noTransaction = '9223372036854775807'

interface Badged {
  userId: string
  deviceId: string
  kind: PushTokenKind
  badge: number
}

/**
 * Remembers the badges that alerts carried. `late` are the users whose alerts may have come after their reading: those who
 * have read what they were just alerted of, or have read anything since these alerts were made. `unsure` are those of whose
 * devices nobody knows the badge: an earlier run of the job sent the alert, or another badge was on its way at the same time.
 */
export async function noteShown(
  db: Kysely<Database>,
  { conversationId, asOf, shown }: { conversationId: string; asOf: string; shown: PushOutcome[] },
): Promise<{ late: string[]; unsure: string[] }> {
  const badges = shown.map(({ userId, deviceId, kind, attempt }) => ({
    userId,
    deviceId,
    kind,
    badge: attempt?.badge ?? unknownBadge,
  }))
  const unsure = await setBadges(db, badges, asOf)
  const { rows } = await sql<{ userId: string }>`
    select i.user_id
    from unnest(${shown.map(({ userId }) => userId)}::text[], ${shown.map(({ seq }) => seq)}::bigint[]) as i (user_id, seq)
    where exists (
      select from member m
      where m.user_id = i.user_id
        and (m.changed_xid >= ${asOf}::xid8 or (m.conversation_id = ${conversationId} and greatest(m.read_seq, m.cleared_seq) >= i.seq))
    )
    group by i.user_id`.execute(db)
  return { late: rows.map(({ userId }) => userId), unsure }
}

/**
 * Remembers what devices were told last, or that nobody knows it, where another badge was reported since `asOf`. Gives back
 * the users with a device of which nobody knows.
 */
export async function setBadges(
  db: Kysely<Database>,
  badges: Badged[],
  asOf: string = noTransaction,
): Promise<string[]> {
  const { rows } = await sql<{ userId: string }>`
    with told as (
      select i.user_id, i.device_id, i.kind, max(i.badge) as badge
      from unnest(
        ${badges.map(({ userId }) => userId)}::text[],
        ${badges.map(({ deviceId }) => deviceId)}::text[],
        ${badges.map(({ kind }) => kind)}::text[],
        ${badges.map(({ badge }) => badge)}::integer[]
      ) as i (user_id, device_id, kind, badge)
      group by i.user_id, i.device_id, i.kind
    ),
    held as (
      select t.user_id, t.device_id, t.kind,
        case when t.badge_xid >= ${asOf}::xid8 and t.badge is distinct from told.badge
          then ${unknownBadge} else told.badge end as badge
      from told join push_token t using (user_id, device_id, kind)
      order by t.user_id, t.device_id, t.kind
      for no key update of t
    ),
    noted as (
      update push_token t set badge = held.badge, badge_xid = pg_current_xact_id()
      from held
      where t.user_id = held.user_id and t.device_id = held.device_id and t.kind = held.kind
      returning t.user_id, t.badge
    )
    select distinct user_id from noted where badge = ${unknownBadge}`.execute(db)
  return rows.map(({ userId }) => userId)
}

// Of a member `m`: alerts of what has been read or cleared, that were not taken back.
const hasReadAlerts = sql.raw('least(m.alerted_seq, greatest(m.read_seq, m.cleared_seq)) > m.withdrawn_seq')

/** Users with a token of one of these kinds, by id, after one. */
export async function listReachable(
  db: Kysely<Database>,
  { kinds, after, limit }: { kinds: PushTokenKind[]; after: string; limit: number },
): Promise<string[]> {
  const rows = await db
    .selectFrom('pushToken')
    .select('userId')
    .distinct()
    .where('kind', 'in', kinds)
    .where('userId', '>', after)
    .orderBy('userId')
    .limit(limit)
    .execute()
  return rows.map(({ userId }) => userId)
}

/** Those of the users whose devices may show something they have just read, or that has just ceased to hold. */
export async function listAffected(db: Kysely<Database>, userIds: string[]): Promise<string[]> {
  const { rows } = await sql<{ userId: string }>`
    select distinct t.user_id from push_token t
    where t.user_id = any(${userIds}) and t.kind = any(${quietKinds})
      and (t.badge <> 0
        or exists (select from stale_alert s where s.user_id = t.user_id)
        or exists (select from member m where m.user_id = t.user_id and ${hasReadAlerts}))`.execute(db)
  return rows.map(({ userId }) => userId)
}

/**
 * Where these users' devices can be told something, and the badge that was reported of each last: null where none
 * was, -1 where nobody knows what the device shows.
 */
export async function listTokens(
  db: Kysely<Database>,
  userIds: string[],
): Promise<(TokenRow & { badge: number | null })[]> {
  const { rows } = await sql<TokenRow & { badge: number | null }>`
    select t.user_id, t.device_id, d.platform, t.kind, t.token, t.topic, t.environment, t.keys, t.updated_at,
      case when exists (select from member m where m.user_id = t.user_id and ${hasLostAlerts})
        then ${unknownBadge} else t.badge end as badge
    from push_token t
    join device d on d.user_id = t.user_id and d.device_id = t.device_id
    where t.user_id = any(${userIds}) and t.kind = any(${quietKinds})
    order by t.user_id, t.device_id, t.kind`.execute(db)
  return rows
}

/**
 * How far users have read or cleared what they were alerted of, where the alerts have not been taken back; and
 * in `also`, which comes first.
 */
export async function listReadAlerts(
  db: Kysely<Database>,
  userIds: string[],
  { also, limitEach }: { also: string | null; limitEach: number },
): Promise<(ReadMark & { userId: string })[]> {
  const { rows } = await sql<ReadMark & { userId: string }>`
    select u.user_id, r.conversation_id, r.seq
    from unnest(${userIds}::text[]) as u (user_id)
    cross join lateral (
      select m.conversation_id, greatest(m.read_seq, m.cleared_seq) as seq from member m
      where m.user_id = u.user_id
        and (${hasReadAlerts}
          or (m.conversation_id = ${also} and greatest(m.read_seq, m.cleared_seq) > 0))
      order by m.conversation_id is distinct from ${also}, m.conversation_id
      limit ${limitEach}
    ) r`.execute(db)
  return rows
}

export async function advanceWithdrawn(
  db: Kysely<Database>,
  marks: { userId: string; conversationId: string; seq: number }[],
): Promise<void> {
  await sql`
    with held as (
      select m.conversation_id, m.user_id, i.seq
      from unnest(
        ${marks.map(({ conversationId }) => conversationId)}::text[],
        ${marks.map(({ userId }) => userId)}::text[],
        ${marks.map(({ seq }) => seq)}::bigint[]
      ) as i (conversation_id, user_id, seq)
      join member m on m.conversation_id = i.conversation_id and m.user_id = i.user_id
      order by m.conversation_id, m.user_id
      for no key update of m
    )
    update member m set withdrawn_seq = held.seq
    from held
    where m.conversation_id = held.conversation_id and m.user_id = held.user_id and m.withdrawn_seq < held.seq`.execute(
    db,
  )
}

/** The devices of these users have been told the truth, whatever alerts they were shown. */
export async function settleLost(db: Kysely<Database>, userIds: string[]): Promise<void> {
  await sql`
    with m as (
      select m.conversation_id, m.user_id from member m
      where m.user_id = any(${userIds}) and ${hasLostAlerts}
      order by m.conversation_id, m.user_id
      for no key update
    )
    update member set notified_seq = member.alerted_seq
    from m
    where member.conversation_id = m.conversation_id and member.user_id = m.user_id`.execute(db)
}
