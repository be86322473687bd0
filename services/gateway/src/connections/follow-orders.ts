import { directConversationId, type UserId } from '@parley/shared/ids'
import type { Logger } from '@parley/shared/log'
import { type GatewayOrder, gatewayOrders } from '@parley/shared/realtime'
import type { Subscriber } from '@parley/shared/subscriber'
import type { MessagesClient } from '../messages-client.ts'
import type { Watches } from '../presence/watches.ts'
import type { Typing } from '../typing/typing.ts'
import { checkStanding } from './check-standing.ts'
import type { EndedSessions } from './ended-sessions.ts'
import type { RoomChanges } from './room-changes.ts'
import type { Rooms } from './rooms.ts'

interface OrdersOptions {
  subscriber: Subscriber
  log: Logger
  messages: MessagesClient
  rooms: Rooms
  roomChanges: RoomChanges
  endedSessions: EndedSessions
  typing: Typing
  watches: Watches
}

/** Carries out what messages asks of all gateways, on the sockets of this one. */
export function followOrders(options: OrdersOptions): void {
  const { subscriber, log, rooms, endedSessions, typing, watches } = options
  // As bytes: a listener for text would turn every doorbell into a string that nobody reads.
  const ordersChannel = Buffer.from(gatewayOrders)
  subscriber.on('smessageBuffer', (channel: Buffer, message: Buffer) => {
    if (!channel.equals(ordersChannel)) return
    try {
      follow(JSON.parse(message.toString()) as GatewayOrder)
    } catch (err) {
      log.warn({ err }, 'an order could not be followed')
    }
  })
  subscriber.ssubscribe(gatewayOrders)

  function recheck(userIds: UserId[]): void {
    watches.recheck(userIds).catch((err: unknown) => log.warn({ err }, 'who may be seen was not asked anew'))
  }

  function check(change: Parameters<typeof checkStanding>[1]): void {
    checkStanding(options, change).catch((err: unknown) =>
      log.warn(
        { err, conversationId: change.conversationId },
        'who is in a conversation was not looked at again',
      ),
    )
  }

  function follow(order: GatewayOrder): void {
    switch (order.kind) {
      case 'join':
        for (const userId of order.userIds) rooms.letIn(userId, order.conversationId)
        return check(order)
      case 'leave':
        for (const userId of order.userIds) rooms.letOut(userId, order.conversationId)
        typing.forget(order.conversationId, order.userIds)
        recheck(order.userIds)
        return check({ ...order, lastSeq: 0 })
      case 'close-room':
        // They may have seen one another by that conversation.
        watches.recheckSoon(rooms.usersIn(order.conversationId))
        rooms.close(order.conversationId)
        typing.forget(order.conversationId)
        return
      case 'recheck-presence': {
        recheck(order.userIds)
        const [one, other] = order.userIds
        if (one && other) typing.forget(directConversationId(one, other), [one, other])
        return
      }
      case 'end-sessions': {
        const { sessionIds, reason, by } = order
        for (const sessionId of sessionIds) endedSessions.end({ sessionId, reason, ...(by ? { by } : {}) })
      }
    }
  }
}
