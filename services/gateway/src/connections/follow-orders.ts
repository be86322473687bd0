import { directConversationId, type UserId } from '@parley/shared/ids'
import type { Logger } from '@parley/shared/log'
import { conversationRoom, type GatewayOrder, gatewayOrders } from '@parley/shared/realtime'
import type { Subscriber } from '@parley/shared/subscriber'
import type { Listeners } from '../listeners/listeners.ts'
import type { Watches } from '../presence/watches.ts'
import type { ChatServer } from '../realtime.ts'
import type { Typing } from '../typing/typing.ts'
import type { EndedSessions } from './ended-sessions.ts'
import type { Registry } from './registry.ts'

interface OrdersOptions {
  subscriber: Subscriber
  log: Logger
  io: ChatServer
  registry: Registry
  listeners: Listeners
  endedSessions: EndedSessions
  typing: Typing
  watches: Watches
}

/** Carries out what messages asks of all gateways, on the sockets of this one. */
export function followOrders({
  subscriber,
  log,
  io,
  registry,
  listeners,
  endedSessions,
  typing,
  watches,
}: OrdersOptions): void {
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

  function follow(order: GatewayOrder): void {
    switch (order.kind) {
      case 'join':
        for (const userId of order.userIds) {
          for (const socket of registry.socketsOf(userId))
            void socket.join(conversationRoom(order.conversationId))
          listeners.join(userId, order.conversationId)
        }
        return
      case 'leave':
        for (const userId of order.userIds) {
          for (const socket of registry.socketsOf(userId))
            void socket.leave(conversationRoom(order.conversationId))
          listeners.leave(userId, order.conversationId)
        }
        typing.forget(order.conversationId, order.userIds)
        recheck(order.userIds)
        return
      case 'close-room':
        io.local
          .in(conversationRoom(order.conversationId))
          .socketsLeave(conversationRoom(order.conversationId))
        listeners.closeRoom(order.conversationId)
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
