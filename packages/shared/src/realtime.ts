import type { ConversationId, SessionId, UserId } from './ids.ts'
import type { ServerEvent, ServerEventName } from './protocol.ts'
import type { RedisClient } from './redis.ts'

/** Sockets of a user. */
export const userRoom = (userId: UserId) => `u:${userId}`
/** Sockets of a group's members. */
export const conversationRoom = (conversationId: ConversationId) => `c:${conversationId}`

/** The channels of the sharded Redis adapter (`@socket.io/redis-adapter` 8.3), namespace `/`. */
export const clusterChannel = 'socket.io#/#'
export const roomChannel = (room: string) => `${clusterChannel}${room}#`
export const roomOfChannel = (channel: string) => channel.slice(clusterChannel.length, -1)

/**
 * The text of an event as it goes to a client: Engine.IO message (4), Socket.IO event (2).
 * It is what travels through Redis too, so an event is encoded once for the whole cluster.
 */
export function encodeEvent<E extends ServerEventName>(event: E, payload: ServerEvent<E>): string {
  return `42${JSON.stringify([event, payload])}`
}

/** An event as it travels, taken apart: its name, and its payload still as JSON text. */
export function decodeEvent(message: Buffer): { name: string; payload: string } {
  // After `42["`; no name holds a quotation mark.
  const text = message.toString('utf8', 4)
  const nameEnds = text.indexOf('",')
  return { name: text.slice(0, nameEnds), payload: text.slice(nameEnds + 2, -1) }
}

/** Stands before an event whose way is traced: `^<traceparent> <event>`. */
export const tracedMark = '^'

export const encodeTraced = (traceparent: string, event: string) => `${tracedMark}${traceparent} ${event}`

export function decodeTraced(message: Buffer): { traceparent: string; event: Buffer } {
  const ends = message.indexOf(0x20)
  return { traceparent: message.toString('latin1', 1, ends), event: message.subarray(ends + 1) }
}

/** Why a session ended: `revoked` by logging out or by command, `replaced` by another log-in, `suspended` with its account. */
export type EndReason = 'revoked' | 'replaced' | 'suspended'

/** The log-in that took a session's place. */
export type Replacement = ServerEvent<'session:replaced'>['by']

/** Orders to the gateways, each carried out on the node's own sockets. */
export type GatewayOrder =
  | { kind: 'join'; userIds: UserId[]; conversationId: ConversationId }
  | { kind: 'leave'; userIds: UserId[]; conversationId: ConversationId }
  /** Everybody leaves. */
  | { kind: 'close-room'; conversationId: ConversationId }
  /** What these users may see of others, and others of them, may have changed. */
  | { kind: 'recheck-presence'; userIds: UserId[] }
  | { kind: 'end-sessions'; sessionIds: SessionId[]; reason: EndReason; by?: Replacement }

export const gatewayOrders = 'parley:gateway-orders'

/**
 * Speaks to gateways from a service that holds no socket. Everything here is best effort: a Redis that is
 * away loses it, and what must not be lost is found again in Postgres.
 */
export function createAnnouncer(redis: RedisClient) {
  return {
    /** One pipelined round trip for all of them. */
    async ring(rings: { room: string; text: string }[]): Promise<void> {
      if (rings.length === 0) return
      await Promise.all(rings.map(({ room, text }) => redis.spublish(roomChannel(room), text)))
    },
    async order(order: GatewayOrder): Promise<void> {
      await redis.spublish(gatewayOrders, JSON.stringify(order))
    },
  }
}

export type Announcer = ReturnType<typeof createAnnouncer>
