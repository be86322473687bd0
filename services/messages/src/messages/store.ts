import { messageIdOf } from '@parley/shared/ids'
import type { Sent } from '@parley/shared/rpc'
import type { Kysely } from 'kysely'
import type { Database } from '../db/schema.ts'

/** What a send came to that was committed before. */
export async function findSent(
  db: Kysely<Database>,
  send: { conversationId: string; senderId: string; clientMessageId: string },
): Promise<Sent | undefined> {
  const { conversationId, senderId, clientMessageId } = send
  const row = await db
    .selectFrom('entry')
    .select(['seq', 'sentAt'])
    .where('conversationId', '=', conversationId)
    .where('senderId', '=', senderId)
    .where('clientMessageId', '=', clientMessageId)
    .executeTakeFirst()
  if (!row) return undefined
  const messageId = messageIdOf(conversationId, row.seq)
  return { messageId, conversationId, seq: row.seq, sentAt: row.sentAt.toISOString() }
}
