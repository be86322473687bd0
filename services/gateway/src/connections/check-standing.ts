import type { ConversationId, UserId } from '@parley/shared/ids'
import type { Subscriber } from '@parley/shared/subscriber'
import type { MessagesClient } from '../messages-client.ts'
import type { RoomChanges } from './room-changes.ts'
import type { Rooms } from './rooms.ts'

interface CheckOptions {
  messages: Pick<MessagesClient, 'standing'>
  subscriber: Pick<Subscriber, 'settled'>
  rooms: Rooms
  roomChanges: RoomChanges
}

interface Change {
  userIds: UserId[]
  conversationId: ConversationId
  /** What those who joined are told of. */
  lastSeq: number
}

/**
 * Looks again at a change of members that was carried out. Orders may change places on their way: then the rooms are
 * set right. A message may have been rung before this node heard its conversation: then those who joined are told
 * that the log has grown.
 */
export async function checkStanding(options: CheckOptions, change: Change): Promise<void> {
  const { messages, subscriber, rooms, roomChanges } = options
  const { conversationId, lastSeq: told } = change
  const userIds = change.userIds.filter(rooms.isHere)
  if (userIds.length === 0) return
  // What is rung after this is heard, and of what committed before it messages knows.
  await subscriber.settled()
  using watches = new DisposableStack()
  const changes = new Map(userIds.map((userId) => [userId, watches.use(roomChanges.watch(userId))]))
  const { memberIds, lastSeq } = await messages.standing({ conversationId, userIds })
  const members = new Set(memberIds)
  const late: UserId[] = []
  for (const [userId, since] of changes) {
    // Whom another order was about meanwhile is looked at again for that.
    if (since.has(conversationId)) continue
    if (!members.has(userId)) rooms.letOut(userId, conversationId)
    else if (rooms.letIn(userId, conversationId)) late.push(userId)
    else if (lastSeq > told) rooms.tellGrown(userId, conversationId, lastSeq)
  }
  if (late.length > 0) await checkStanding(options, { ...change, userIds: late })
}
