import type { Pool } from 'pg'
import { booleanArray, jsonArray, plainArray, textArray } from '../db/array-literal.ts'
import { countGrowths } from './count-growths.ts'
import type { PreparedSend } from './prepared-send.ts'
import type { CommittedBatch, CommittedConversation, Standing } from './standing.ts'

/**
 * Commits a batch as nearly every batch is: new messages of members who may write, into conversations that keep
 * them. It does in one statement what `commitBatch` does, with the same guarantees, but looks for no reason: a
 * conversation of which one send is not as expected does not advance, and its sends are `stale`, to be asked about
 * there. A send that was committed before breaks the unique key, and nothing of the batch is stored.
 */
export async function commitPlain(
  connection: Pick<Pool, 'query'>,
  sends: PreparedSend[],
): Promise<CommittedBatch> {
  const { places, growths, writers } = countGrowths(sends)
  const grown = [...growths.values()]
  const withMedia = sends.flatMap((send, i) => (send.mediaId === null ? [] : [{ ...send, place: places[i] }]))
  const { rows } = await connection.query<Row>({
    name: 'commit-plain',
    text: plainStatement,
    values: [
      textArray(writers.map((send) => send.conversationId)),
      textArray(writers.map((send) => send.senderId)),
      textArray([...growths.keys()]),
      plainArray(grown.map(({ entries }) => entries)),
      plainArray(grown.map(({ counted }) => counted)),
      booleanArray(grown.map(({ mentionsAll }) => mentionsAll)),
      plainArray(grown.map(({ replySeq }) => replySeq)),
      plainArray(places.map(({ growth }) => growth.nr)),
      plainArray(places.map(({ nth }) => nth)),
      plainArray(places.map(({ nthCounted }) => nthCounted)),
      textArray(sends.map((send) => send.conversationId)),
      textArray(sends.map((send) => send.senderId)),
      textArray(sends.map((send) => send.clientMessageId)),
      textArray(sends.map((send) => send.type)),
      jsonArray(sends.map((send) => send.content)),
      booleanArray(sends.map((send) => send.counted)),
      booleanArray(sends.map((send) => send.pushed)),
      booleanArray(sends.map((send) => send.synced)),
      unlessAbsent(sends.map((send) => send.digest)),
      unlessAbsent(sends.map((send) => send.replyTo)),
      unlessAbsent(sends.map((send) => send.mentions && JSON.stringify(send.mentions))),
      unlessAbsent(sends.map((send) => send.ext && JSON.stringify(send.ext))),
      unlessAbsent(sends.map((send) => send.clientSentAt)),
      textArray(withMedia.map((send) => send.mediaId)),
      textArray(withMedia.map((send) => send.conversationId)),
      plainArray(withMedia.map(({ place }) => place?.growth.nr ?? null)),
      plainArray(withMedia.map(({ place }) => place?.nth ?? null)),
    ],
  })
  const [row] = rows
  const advanced = new Map(row?.advanced?.map((it) => [it.id, { ...it, sentAt: new Date(it.sentAt) }]))
  const standings = sends.map((send, i): Standing => {
    const conversation = advanced.get(send.conversationId)
    const place = places[i]
    if (!conversation || !place) return { kind: 'stale' }
    const { baseSeq, sentAt, counts } = conversation
    return {
      kind: 'committed',
      seq: baseSeq + place.nth,
      sentAt,
      counted: send.counted && counts,
      conversation,
    }
  })
  return { standings, dispatchId: row?.dispatchId ?? undefined }
}

/** Postgres fills up with null what is shorter than the rest. */
const unlessAbsent = (values: (string | null)[]) =>
  values.every((value) => value === null) ? null : textArray(values)

interface Row {
  advanced: Advanced[] | null
  dispatchId: number | null
}

interface Advanced extends CommittedConversation {
  id: string
  /** What its last number was before. */
  baseSeq: number
  /** ISO 8601. */
  sentAt: string
  /** Whether what it keeps is counted as unread. */
  counts: boolean
}

/**
 * As in `commitStatement`, a conversation advances from the snapshot or not at all, and `is true` keeps `in` a hash
 * table. Lookups by key stand in lateral queries with a limit, one for each conversation and each who writes
 * there: what a send needs of its conversation it takes from `bases`, arrays in the order of the batch's conversations
 * with null for one that did not advance. Lists unnested beside each other in a select list are read in step; in `from`
 * Postgres would put each into a store of its own first.
 */
export const plainStatement = `
with refused as materialized (
  select i.conversation_id
  from unnest($1::text[], $2::text[]) as i (conversation_id, sender_id)
  left join lateral (
    select m.user_id, m.barred, m.silenced_until
    from member m
    where m.conversation_id = i.conversation_id and m.user_id = i.sender_id
    limit 1
  ) m on true
  where m.user_id is null or m.barred is not null or m.silenced_until > now()
),
held as materialized (
  select c.*, g.nr, g.entries, g.counted
  from unnest($3::text[], $4::int[], $5::int[], $6::boolean[], $7::bigint[])
    with ordinality as g (conversation_id, entries, counted, mentions_all, reply_seq, nr)
  cross join lateral (
    select c.ctid as row_at, c.last_seq, c.last_count, c.members_version, greatest(c.entry_at, now()) as sent_at
    from conversation c
    where c.conversation_id = g.conversation_id and c.stores and c.dissolved_at is null and not c.all_silenced
      and (c.members_mention_all or not g.mentions_all)
      and (g.reply_seq <= c.last_seq) is not false
    limit 1
  ) c
  where (g.conversation_id in (select conversation_id from refused)) is not true
),
advanced as (
  update conversation c
  set last_seq = c.last_seq + h.entries,
      last_count = c.last_count + case when c.counts then h.counted else 0 end,
      shown_seq = c.last_seq + h.entries,
      last_at = h.sent_at,
      entry_at = h.sent_at,
      changed_xid = pg_current_xact_id()
  from held h
  where c.ctid = h.row_at
    and c.last_seq = h.last_seq and c.members_version = h.members_version
  returning c.conversation_id, c.kind, c.policy, c.name, c.avatar_url, c.user_ids, c.members_version, c.counts,
    h.nr, h.last_seq as base_seq, h.last_count as base_count, c.last_seq, h.sent_at
),
bases as materialized (
  select array_agg(b.base_seq order by b.nr) as seqs, array_agg(b.base_count order by b.nr) as counts,
    array_agg(b.counts order by b.nr) as counting, array_agg(b.sent_at order by b.nr) as moments
  from (
    select nr, base_seq, base_count, counts, sent_at from advanced
    union all
    select nr, null, null, null, null from generate_series(1, cardinality($3::text[])) as nr
    where (nr in (select nr from advanced)) is not true
  ) b
),
inserted as (
  insert into entry (conversation_id, seq, kind, sender_id, client_message_id, type, content, digest, reply_to, mentions,
    ext, counted, pushed, synced, count, sent_at, client_sent_at)
  select s.conversation_id, b.seqs[s.nr] + s.nth, 'message', s.sender_id, s.client_message_id, s.type, s.content, s.digest,
    s.reply_to, s.mentions, s.ext, s.counted and b.counting[s.nr], s.pushed, s.synced,
    b.counts[s.nr] + case when b.counting[s.nr] then s.nth_counted else 0 end, b.moments[s.nr], s.client_sent_at
  from bases b
  cross join (
    select unnest($8::int[]) as nr, unnest($9::int[]) as nth, unnest($10::int[]) as nth_counted,
      unnest($11::text[]) as conversation_id, unnest($12::text[]) as sender_id, unnest($13::text[]) as client_message_id,
      unnest($14::text[]) as type, unnest($15::jsonb[]) as content, unnest($16::boolean[]) as counted,
      unnest($17::boolean[]) as pushed, unnest($18::boolean[]) as synced, unnest($19::text[]) as digest,
      unnest($20::text[]) as reply_to, unnest($21::jsonb[]) as mentions, unnest($22::jsonb[]) as ext,
      unnest($23::text[]) as client_sent_at
  ) s
  where b.seqs[s.nr] is not null
),
referred as (
  insert into media_reference (media_id, conversation_id, seq)
  select r.media_id, r.conversation_id, b.seqs[r.nr] + r.nth
  from bases b
  cross join unnest($24::uuid[], $25::text[], $26::int[], $27::int[]) as r (media_id, conversation_id, nr, nth)
  where b.seqs[r.nr] is not null
),
noted as (
  insert into dispatch (conversation_ids, first_seqs, last_seqs)
  select array_agg(conversation_id), array_agg(base_seq + 1), array_agg(last_seq) from advanced
  having count(*) > 0
  returning dispatch_id
)
select (
    select json_agg(json_build_object('id', conversation_id, 'kind', kind, 'policy', policy, 'name', name,
      'avatarUrl', avatar_url, 'userIds', user_ids, 'membersVersion', members_version, 'counts', counts,
      'baseSeq', base_seq, 'sentAt', sent_at))
    from advanced
  ) as advanced,
  (select dispatch_id from noted) as "dispatchId"`
