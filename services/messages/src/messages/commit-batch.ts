import type { Pool } from 'pg'
import type { ConversationKind } from '../db/schema.ts'

/** A send whose shape, media and sender are settled, ready to be committed. */
export interface PreparedSend {
  conversationId: string
  senderId: string
  /** The other person, if the send may open a direct conversation. */
  directTo: string | null
  clientMessageId: string
  type: string
  content: Record<string, unknown>
  replyTo: string | null
  mentions: string[] | null
  ext: Record<string, unknown> | null
  mediaId: string | null
  /** Whether it counts as unread. */
  counted: boolean
  /** Whether it is told to people who are away. */
  pushed: boolean
}

/** What became of one send of a batch. */
export type Standing =
  | { kind: 'committed'; seq: number; sentAt: Date; conversation: CommittedConversation }
  /** The same client message id was committed before. */
  | { kind: 'known'; seq: number; sentAt: Date }
  /** No such conversation, or the sender is not in it. */
  | { kind: 'refused'; exists: boolean }
  /** Somebody else changed the conversation meanwhile; nothing was stored. */
  | { kind: 'stale' }

export interface CommittedConversation {
  kind: ConversationKind
  name: string | null
  userIds: string[] | null
  membersVersion: number
}

export interface CommittedBatch {
  /** In the order of the sends. */
  standings: Standing[]
  /** The row that remembers what is still to be announced; absent if nothing was committed. */
  dispatchId: number | undefined
}

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
    text: statement,
    values: [
      sends.map((send) => send.conversationId),
      sends.map((send) => send.senderId),
      sends.map((send) => send.clientMessageId),
      sends.map((send) => send.type),
      sends.map((send) => JSON.stringify(send.content)),
      sends.map((send) => send.replyTo),
      sends.map((send) => send.mentions && JSON.stringify(send.mentions)),
      sends.map((send) => send.ext && JSON.stringify(send.ext)),
      sends.map((send) => send.mediaId),
      sends.map((send) => send.counted),
      sends.map((send) => send.pushed),
    ],
  })
  const [first] = rows
  const advanced = new Map(first?.advanced?.map((conversation) => [conversation.id, conversation]))
  const sentAt = first?.sent_at ?? new Date()
  const standings = sends.map((send, i): Standing => {
    const row = rows[i]
    return row ? standingOf(row, sentAt, advanced.get(send.conversationId)) : { kind: 'stale' }
  })
  return { standings, dispatchId: first?.dispatch_id ?? undefined }
}

/** One for each send, in order. What is the same for all of them is in the first alone. */
interface Row {
  is_member: boolean
  conversation_exists: boolean
  known_seq: number | null
  known_at: Date | null
  /** The number it has if its conversation advanced. */
  seq: number
  sent_at: Date | null
  /** The conversations that advanced. */
  advanced: Advanced[] | null
  dispatch_id: number | null
}

interface Advanced extends CommittedConversation {
  id: string
}

function standingOf(row: Row, sentAt: Date, advanced: Advanced | undefined): Standing {
  if (!row.is_member) return { kind: 'refused', exists: row.conversation_exists }
  if (row.known_seq !== null && row.known_at)
    return { kind: 'known', seq: row.known_seq, sentAt: row.known_at }
  return advanced ? { kind: 'committed', seq: row.seq, sentAt, conversation: advanced } : { kind: 'stale' }
}

// Rows of the batch are joined with tables by index alone (see `plans` of the pool) and with each other only once:
// a batch joined with itself would cost its square. What follows from a conversation's snapshot needs no join at
// all, because the conversation advances from that snapshot or not at all.
const statement = `
with standing as materialized (
  select i.*, c.last_seq, c.last_count, c.members_version,
    c.conversation_id is not null as conversation_exists,
    m.user_id is not null as is_member,
    e.seq as known_seq, e.sent_at as known_at,
    count(*) filter (where m.user_id is not null and e.seq is null) over by_place as nth,
    count(*) filter (where m.user_id is not null and e.seq is null and i.counted) over by_place as nth_counted
  from unnest(
    $1::text[], $2::text[], $3::text[], $4::text[], $5::jsonb[], $6::text[], $7::jsonb[], $8::jsonb[], $9::uuid[],
    $10::boolean[], $11::boolean[]
  ) with ordinality as i (
    conversation_id, sender_id, client_message_id, type, content, reply_to, mentions, ext, media_id, counted, pushed, place
  )
  left join conversation c on c.conversation_id = i.conversation_id
  left join member m on m.conversation_id = i.conversation_id and m.user_id = i.sender_id and m.barred is null
  left join entry e on e.conversation_id = i.conversation_id and e.sender_id = i.sender_id
    and e.client_message_id = i.client_message_id
  window by_place as (partition by i.conversation_id order by i.place)
),
advanced as (
  update conversation c
  set last_seq = c.last_seq + n.entries,
      last_count = c.last_count + n.counted,
      last_at = now(),
      changed_xid = pg_current_xact_id()
  from (
    select conversation_id, last_seq, members_version, max(nth) as entries, max(nth_counted) as counted
    from standing where is_member and known_seq is null
    group by conversation_id, last_seq, members_version
  ) n
  where c.conversation_id = n.conversation_id
    and c.last_seq = n.last_seq and c.members_version = n.members_version
  returning c.conversation_id, c.kind, c.name, c.user_ids, c.members_version, n.last_seq as base_seq, c.last_seq
),
inserted as (
  insert into entry (conversation_id, seq, kind, sender_id, client_message_id, type, content, reply_to, mentions, ext,
    counted, pushed, count)
  select s.conversation_id, s.last_seq + s.nth, 'message', s.sender_id, s.client_message_id, s.type, s.content, s.reply_to,
    s.mentions, s.ext, s.counted, s.pushed, s.last_count + s.nth_counted
  from standing s
  join advanced a on a.conversation_id = s.conversation_id
  where s.is_member and s.known_seq is null
),
referred as (
  insert into media_reference (media_id, conversation_id, seq)
  select s.media_id, s.conversation_id, s.last_seq + s.nth
  from standing s
  join advanced a on a.conversation_id = s.conversation_id
  where s.media_id is not null and s.is_member and s.known_seq is null
),
noted as (
  insert into dispatch (conversation_ids, first_seqs, last_seqs)
  select array_agg(conversation_id), array_agg(base_seq + 1), array_agg(last_seq) from advanced
  having count(*) > 0
  returning dispatch_id
)
select s.is_member, s.conversation_exists, s.known_seq, s.known_at, s.last_seq + s.nth as seq,
  case when s.place = 1 then now() end as sent_at,
  case when s.place = 1 then (
    select json_agg(json_build_object('id', conversation_id, 'kind', kind, 'name', name, 'userIds', user_ids,
      'membersVersion', members_version)) from advanced
  ) end as advanced,
  case when s.place = 1 then (select dispatch_id from noted) end as dispatch_id
from standing s
order by s.place`
