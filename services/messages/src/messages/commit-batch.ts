import { randomUUID } from 'node:crypto'
import { everybody } from '@parley/shared/content'
import { seqOfMessage } from '@parley/shared/ids'
import type { Pool } from 'pg'
import type { PreparedSend } from './prepared-send.ts'
import type { CommittedBatch, CommittedConversation, Refusal, Standing } from './standing.ts'

/**
 * Commits a batch of sends, none of them twice the same, in one statement: rights are checked and known sends
 * found before anything is counted, numbers are given out under the conversation's row lock, and the work that
 * follows the commit is noted in the same transaction.
 *
 * A conversation advances only if its row is still as the statement's snapshot shows it. So what the snapshot
 * says of members and of earlier sends holds at the moment of the commit: a kick, or the same send on another
 * node, that slips in between makes the sends of that conversation `stale`, and they are tried again.
 */
export async function commitBatch(
  connection: Pick<Pool, 'query'>,
  sends: PreparedSend[],
): Promise<CommittedBatch> {
  const { rows } = await connection.query<Row>({
    name: 'commit-batch',
    text: commitStatement,
    values: [
      sends.map((send) => send.conversationId),
      sends.map((send) => send.senderId),
      sends.map((send) => send.clientMessageId),
      sends.map((send) => send.type),
      sends.map((send) => JSON.stringify(send.content)),
      sends.map((send) => send.digest),
      sends.map((send) => send.replyTo),
      sends.map((send) => send.replyTo && seqOfMessage(send.replyTo)),
      sends.map((send) => send.mentions && JSON.stringify(send.mentions)),
      sends.map((send) => send.mentions?.includes(everybody) ?? false),
      sends.map((send) => send.ext && JSON.stringify(send.ext)),
      sends.map((send) => send.mediaId),
      sends.map((send) => send.stored),
      sends.map((send) => send.counted),
      sends.map((send) => send.pushed),
      sends.map((send) => send.synced),
      sends.map((send) => send.bySystem),
      sends.map((send) => send.clientSentAt),
    ],
  })
  const [first] = rows
  const advanced = new Map(first?.advanced?.map((conversation) => [conversation.id, conversation]))
  const standings = sends.map((send, i): Standing => {
    const row = rows[i]
    return row ? standingOf(row, advanced.get(send.conversationId)) : { kind: 'stale' }
  })
  return { standings, dispatchId: first?.dispatch_id ?? undefined }
}

/** One for each send, in order. What is the same for all of them is in the first alone. */
interface Row {
  refusal: Refusal | null
  known_seq: number | null
  known_at: Date | null
  sent_at: Date
  /** Where it passes on without being kept. */
  passes: CommittedConversation | null
  /** The number it has if its conversation advanced. */
  seq: number
  /** By its type, its sender and its conversation. */
  counts: boolean
  /** The conversations that advanced. */
  advanced: Advanced[] | null
  dispatch_id: number | null
}

interface Advanced extends CommittedConversation {
  id: string
}

function standingOf(row: Row, advanced: Advanced | undefined): Standing {
  if (row.known_seq !== null && row.known_at)
    return { kind: 'known', seq: row.known_seq, sentAt: row.known_at }
  if (row.refusal) return { kind: 'refused', reason: row.refusal }
  if (row.passes)
    return { kind: 'passed', messageId: randomUUID(), sentAt: row.sent_at, conversation: row.passes }
  if (!advanced) return { kind: 'stale' }
  return { kind: 'committed', seq: row.seq, sentAt: row.sent_at, counted: row.counts, conversation: advanced }
}

/**
 * Rows of the batch are joined with tables by index alone (see `plans` of the pool), and with each other not at
 * all: a batch joined with itself costs its square. What follows from a conversation's snapshot needs no join,
 * because the conversation advances from that snapshot or not at all; `is true` keeps `in` a hash table instead
 * of a join, and `limit` keeps the planner from reading a table it thinks is empty as a whole. The row to advance is
 * named by its ctid, which needs neither an index nor the planner's guess; after a wait for its lock Postgres looks
 * at the row's newer version, so what the snapshot said of it is compared as well. Entries' times
 * never go back: a transaction that waited for the lock may have begun before the one it waited for.
 */
export const commitStatement = `
with standing as materialized (
  select f.*,
    f.refusal is null and f.known_seq is null and f.stores as enters,
    count(*) filter (where f.refusal is null and f.known_seq is null and f.stores) over by_place as nth,
    count(*) filter (where f.refusal is null and f.known_seq is null and f.stores and f.counts) over by_place as nth_counted
  from (
    select i.*, c.ctid as row_at, i.stored and c.stores as stores, i.counted and c.counts as counts, c.last_seq, c.last_count,
      c.members_version, c.kind as conversation_kind, c.policy, c.name, c.avatar_url, c.user_ids,
      greatest(c.entry_at, now()) as sent_at, e.seq as known_seq, e.sent_at as known_at,
      case
        when c.conversation_id is null then 'no_conversation'
        when i.by_system then case
          when c.dissolved_at is not null then 'no_conversation'
          when i.media_id is not null and not c.stores then 'media_not_kept'
        end
        when m.user_id is null then 'not_a_member'
        when m.barred is not null then 'barred'
        when m.silenced_until > now() then 'silenced'
        when c.all_silenced and m.role = 'member' and not m.speaks_always then 'silenced'
        when i.mentions_all and m.role = 'member' and not c.members_mention_all then 'may_not_mention_all'
        when i.reply_seq > c.last_seq then 'no_such_reply'
        when i.media_id is not null and not c.stores then 'media_not_kept'
      end as refusal
    from unnest(
      $1::text[], $2::text[], $3::text[], $4::text[], $5::jsonb[], $6::text[], $7::text[], $8::bigint[], $9::jsonb[],
      $10::boolean[], $11::jsonb[], $12::uuid[], $13::boolean[], $14::boolean[], $15::boolean[], $16::boolean[], $17::boolean[],
      $18::text[]
    ) with ordinality as i (
      conversation_id, sender_id, client_message_id, type, content, digest, reply_to, reply_seq, mentions,
      mentions_all, ext, media_id, stored, counted, pushed, synced, by_system, client_sent_at, place
    )
    left join conversation c on c.conversation_id = i.conversation_id
    left join member m on m.conversation_id = i.conversation_id and m.user_id = i.sender_id
    left join lateral (
      select seq, sent_at from entry
      where conversation_id = i.conversation_id and sender_id = i.sender_id and client_message_id = i.client_message_id
      limit 1
    ) e on true
  ) f
  window by_place as (partition by f.conversation_id order by f.place)
),
advanced as (
  update conversation c
  set last_seq = c.last_seq + n.entries,
      last_count = c.last_count + n.counted,
      shown_seq = c.last_seq + n.entries,
      last_at = n.sent_at,
      entry_at = n.sent_at,
      changed_xid = pg_current_xact_id()
  from (
    select row_at, last_seq, members_version, sent_at, max(nth) as entries, max(nth_counted) as counted
    from standing where enters
    group by row_at, last_seq, members_version, sent_at
  ) n
  where c.ctid = n.row_at
    and c.last_seq = n.last_seq and c.members_version = n.members_version
  returning c.conversation_id, c.kind, c.policy, c.name, c.avatar_url, c.user_ids, c.members_version,
    n.last_seq as base_seq, c.last_seq
),
inserted as (
  insert into entry (conversation_id, seq, kind, sender_id, client_message_id, type, content, digest, reply_to, mentions,
    ext, counted, pushed, synced, count, sent_at, client_sent_at)
  select s.conversation_id, s.last_seq + s.nth, 'message', s.sender_id, s.client_message_id, s.type, s.content, s.digest,
    s.reply_to, s.mentions, s.ext, s.counts, s.pushed, s.synced, s.last_count + s.nth_counted, s.sent_at, s.client_sent_at
  from standing s
  where s.enters and (s.conversation_id in (select conversation_id from advanced)) is true
),
referred as (
  insert into media_reference (media_id, conversation_id, seq)
  select s.media_id, s.conversation_id, s.last_seq + s.nth
  from standing s
  where s.media_id is not null and s.enters and (s.conversation_id in (select conversation_id from advanced)) is true
),
noted as (
  insert into dispatch (conversation_ids, first_seqs, last_seqs)
  select array_agg(conversation_id), array_agg(base_seq + 1), array_agg(last_seq) from advanced
  having count(*) > 0
  returning dispatch_id
)
select s.refusal, s.known_seq, s.known_at, s.sent_at, s.last_seq + s.nth as seq, s.counts,
  case when s.refusal is null and not s.stores then json_build_object('kind', s.conversation_kind, 'policy', s.policy,
    'name', s.name, 'avatarUrl', s.avatar_url, 'userIds', s.user_ids, 'membersVersion', s.members_version) end as passes,
  case when s.place = 1 then (
    select json_agg(json_build_object('id', conversation_id, 'kind', kind, 'policy', policy, 'name', name,
      'avatarUrl', avatar_url, 'userIds', user_ids, 'membersVersion', members_version)) from advanced
  ) end as advanced,
  case when s.place = 1 then (select dispatch_id from noted) end as dispatch_id
from standing s
order by s.place`
