import { AppError } from '@parley/shared/errors'
import type { ConversationId, UserId } from '@parley/shared/ids'
import type { ClientReply, ClientRequest } from '@parley/shared/protocol'
import { encodeEvent, roomChannel } from '@parley/shared/realtime'
import type { Context } from '../context.ts'
import { encodeDroppable } from '../fanout/droppable.ts'
import type { ChatSocket } from '../realtime.ts'

/** Clients say it again every few seconds while it goes on; who hears nothing more forgets it after this. */
const expiresInMs = 6_000
/** How long the right to write is taken for granted; orders that end it are followed at once. */
const rightsHoldMs = 10_000
const maxRights = 20_000

interface Right {
  /** Where it is told; undefined where there are too many to tell. */
  room: Promise<string | undefined>
  until: number
}

/** Says who is typing to whoever else is in the conversation and connected. Nothing of it is kept. */
export function createTyping({
  messages,
  publisher,
  load,
}: Pick<Context, 'messages' | 'publisher' | 'load'>) {
  // In the order they were asked for, so the first is the oldest.
  const rights = new Map<string, Right>()
  const keyOf = (userId: string, conversationId: string) => `${conversationId}\n${userId}`

  /** Noted before messages answers: an order that comes meanwhile ends what the answer says, too. */
  async function roomFor(userId: UserId, conversationId: ConversationId): Promise<string | undefined> {
    const key = keyOf(userId, conversationId)
    const known = rights.get(key)
    if (known && known.until > performance.now()) return known.room
    const room = messages.typingAudience({ userId, conversationId }).then((audience) => audience.room)
    const right = { room, until: performance.now() + rightsHoldMs }
    rights.delete(key)
    rights.set(key, right)
    for (const oldest of rights.keys()) {
      if (rights.size <= maxRights) break
      rights.delete(oldest)
    }
    try {
      return await room
    } catch (cause) {
      if (rights.get(key) === right) rights.delete(key)
      throw cause
    }
  }

  return {
    /**
     * `relayed` is false where it was left out: under load, in a group that is too large, or while Redis or messages is
     * away. Errors: `forbidden` where the user may not write.
     */
    async set(
      { data: { identity } }: ChatSocket,
      { conversationId, typing }: ClientRequest<'typing:set'>,
    ): Promise<ClientReply<'typing:set'>> {
      const { userId } = identity
      if (load.sheds('typing')) return { relayed: false }
      try {
        const room = await roomFor(userId, conversationId)
        if (room === undefined) return { relayed: false }
        const event = encodeEvent('typing:changed', { conversationId, userId, typing, expiresInMs })
        await publisher.spublish(roomChannel(room), encodeDroppable(userId, event))
        return { relayed: true }
      } catch (cause) {
        if (cause instanceof AppError && cause.code === 'forbidden') throw cause
        return { relayed: false }
      }
    },
    /** Asks anew what these users may do there; all users if none are named. */
    forget(conversationId: ConversationId, userIds?: UserId[]): void {
      if (userIds) for (const userId of userIds) rights.delete(keyOf(userId, conversationId))
      else for (const key of rights.keys()) if (key.startsWith(`${conversationId}\n`)) rights.delete(key)
    },
  }
}

export type Typing = ReturnType<typeof createTyping>
