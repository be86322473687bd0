import { sql } from 'kysely'
import { isOffList } from './off-list.ts'

/** Whether an entry `e` is one that member `m` has to read. */
const isToRead = sql.raw(`(
  e.conversation_id = m.conversation_id and e.counted and e.recalled_at is null
  and e.seq > greatest(m.joined_seq, m.cleared_seq) and e.sender_id <> m.user_id
  and (not m.hides_entries or not exists (
    select from hidden_entry h
    where h.user_id = m.user_id and h.conversation_id = e.conversation_id and h.seq = e.seq)))`)

/**
 * Of a member `m` of `c`: what of others counts after the read watermark, without what was read by itself and with
 * what was marked unread before it; and nothing while the list does not show the conversation: what cannot be seen
 * must not be on the badge. The one place that says what unread is.
 */
export const unreadOf = sql<number>`case when ${isOffList} then 0 else (
  select count(*) from entry e where e.seq > m.read_seq and ${isToRead}
) + case when m.read_seqs is null and m.unread_seqs is null then 0 else (
  select coalesce(sum(k.adds), 0)
  from (
    select seq, -1 as adds from unnest(m.read_seqs) as seq where seq > m.read_seq
    union all
    select seq, 1 from unnest(m.unread_seqs) as seq where seq <= m.read_seq
  ) k
  join entry e on e.seq = k.seq and ${isToRead}
) end end`

/** Whether `unreadOf` can be anything, said cheaply. */
export const mayHaveUnread = sql.raw('(c.last_seq > m.read_seq or m.unread_seqs is not null)')
