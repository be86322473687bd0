import type { AppError } from '@parley/shared/errors'
import type { HttpApp } from '@parley/shared/http'
import type { ConversationId, UserId } from '@parley/shared/ids'
import { serveRpc } from '@parley/shared/internal-http'
import { conversationRoom, userRoom } from '@parley/shared/realtime'
import { toBatchReply, type TypingAsk, type TypingAudience } from '@parley/shared/rpc'
import type { Context } from '../context.ts'
import { mayWrite } from '../conversations/may-write.ts'
import { notAMember, silenced } from '../errors.ts'
import { listWriters, type WriterRow } from './store.ts'

/** In a larger group somebody is always typing, and it would be told to everybody each time. */
const maxMembers = 200

/** Who hears that somebody types, for those who may write there: one statement for all that are asked. */
export async function findAudiences(
  { db }: Pick<Context, 'db'>,
  asks: TypingAsk[],
): Promise<(TypingAudience | AppError)[]> {
  const writers = new Map((await listWriters(db, asks, maxMembers)).map((row) => [keyOf(row), row]))
  return asks.map((ask) => {
    const writer = writers.get(keyOf(ask))
    if (!writer) return notAMember()
    return mayWrite(writer) ? audienceOf(writer) : silenced()
  })
}

export function typingRpc(app: HttpApp, ctx: Pick<Context, 'db'>): void {
  serveRpc(app, 'typing/audience', async ({ asks }) => toBatchReply(await findAudiences(ctx, asks)))
}

const keyOf = ({ conversationId, userId }: { conversationId: string; userId: string }) =>
  `${conversationId}\n${userId}`

function audienceOf({ conversationId, userId, kind, userIds, members }: WriterRow): TypingAudience {
  if (kind === 'direct') {
    const peer = userIds?.find((id) => id !== userId)
    return peer === undefined ? {} : { room: userRoom(peer as UserId) }
  }
  if (members > maxMembers) return {}
  return { room: conversationRoom(conversationId as ConversationId) }
}
