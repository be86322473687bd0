import { randomUUID } from 'node:crypto'
import type { ConversationId } from '@parley/shared/ids'
import type { Pool } from 'pg'
import { recallMessage } from '../../services/messages/src/changes/store.ts'
import type { Context } from '../../services/messages/src/context.ts'
import { endAlertsOf } from '../../services/messages/src/deliveries/stale-store.ts'
import { moveWatermarks } from '../../services/messages/src/receipts/store.ts'
import type { History } from './history.ts'
import type { Messages } from './messages.ts'
import type { People } from './people.ts'

type Kind = 'direct' | 'group'

interface ConversationsOptions extends Pick<Context, 'db'> {
  pool: Pool
  people: People
  history: History
  messages: Pick<Messages, 'absentees' | 'withdrawals'>
}

/**
 * One of two people and one of all three, and what their members do in them: it is written to Postgres and to
 * the history, and noted for the next look as messages would note it.
 */
export async function createConversations({ db, pool, people, history, messages }: ConversationsOptions) {
  const [ann, ben, cas] = people
  const conversations = {
    direct: { conversationId: `d-${randomUUID()}` as ConversationId, memberIds: [ann, ben] },
    group: { conversationId: `g-${randomUUID()}` as ConversationId, memberIds: [ann, ben, cas] },
  }
  await createRows()

  async function createRows(): Promise<void> {
    for (const kind of ['direct', 'group'] as const) {
      const { conversationId, memberIds } = conversations[kind]
      await pool.query(
        `insert into conversation (conversation_id, kind, user_ids, creator_id, last_seq, last_count) values ($1, $2, $3, $4, 0, 0)`,
        [conversationId, kind, kind === 'direct' ? memberIds.toSorted() : null, ann],
      )
      for (const userId of memberIds) {
        await pool.query(
          `insert into member (conversation_id, user_id, role, joined_seq, delivered_seq, read_seq, notified_seq) values ($1, $2, 'member', 0, 0, 0, 0)`,
          [conversationId, userId],
        )
      }
    }
  }

  async function send(kind: Kind, from: number): Promise<void> {
    const { conversationId, memberIds } = conversations[kind]
    const senderId = memberIds[from % memberIds.length] ?? ann
    const { rows } = await pool.query<{ seq: number }>(
      `with c as (
         update conversation set last_seq = last_seq + 1, last_count = last_count + 1, last_at = now()
         where conversation_id = $1 returning last_seq, last_count
       )
       insert into entry (conversation_id, seq, kind, sender_id, client_message_id, type, content, counted, pushed, count)
       select $1, last_seq, 'message', $2, $3, 'text', '{"text":"hi"}', true, true, last_count from c returning seq`,
      [conversationId, senderId, randomUUID()],
    )
    const seq = rows[0]?.seq ?? 0
    history.entries.push({ conversationId, seq, senderId, memberIds, recalled: false })
    messages.absentees.note({ conversationId, firstSeq: seq, lastSeq: seq, membersVersion: undefined })
  }

  async function mark(who: number, kind: Kind, of: 'read' | 'delivered'): Promise<void> {
    const { conversationId, memberIds } = conversations[kind]
    const userId = memberIds[who % memberIds.length]
    if (!userId) return
    const last = history.entries.filter((entry) => entry.conversationId === conversationId).length
    await moveWatermarks(pool, [{ userId, conversationId, delivered: last, read: of === 'read' ? last : 0 }])
    const { read } = history.markOf(userId, conversationId)
    history.move(userId, conversationId, { delivered: last, read: of === 'read' ? last : read })
    if (of === 'read') messages.withdrawals.note([userId])
  }

  async function recall(which: number): Promise<void> {
    const entry = history.entries.filter(({ recalled }) => !recalled)[which]
    if (!entry) return
    const { conversationId, seq } = entry
    const alerted = await db.transaction().execute(async (trx) => {
      await recallMessage(trx, conversationId, seq)
      return endAlertsOf(trx, { conversationId, seqs: [seq] })
    })
    entry.recalled = true
    messages.withdrawals.note(alerted)
  }

  return {
    send,
    read: (who: number, kind: Kind) => mark(who, kind, 'read'),
    acknowledge: (who: number, kind: Kind) => mark(who, kind, 'delivered'),
    recall,
  }
}
