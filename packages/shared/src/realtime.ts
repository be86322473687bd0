import type { ConversationId, SessionId, UserId } from './ids.ts'
import type { ServerEvent, ServerEventName } from './protocol.ts'
import type { RedisClient } from './redis.ts'

/** Sockets of a user. */
export const userRoom = (userId: UserId) => `u:${userId}`
/** Sockets of a group's members. */
export const conversationRoom = (conversationId: ConversationId) => `c:${conversationId}`
export const isConversationRoom = (room: string) => room.startsWith('c:')

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

/** Stands between the events of one message through Redis: no JSON text holds a line break. */
const betweenEvents = '\n'
/** How many characters of events are joined; one that is longer goes by itself. */
const longestJoined = 64 * 1024

/** The events of one message through Redis, in order. */
export function splitEvents(message: Buffer): Buffer[] {
  const events: Buffer[] = []
  let from = 0
  for (let to = 0; to >= 0; from = to + 1) {
    to = message.indexOf(betweenEvents, from)
    events.push(to < 0 ? message.subarray(from) : message.subarray(from, to))
  }
  return events
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
  /** `lastSeq` is the entry that tells of it, or 0 where none does. */
  | { kind: 'join'; userIds: UserId[]; conversationId: ConversationId; lastSeq: number }
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
      await Promise.all(
        publicationsOf(rings).map(({ room, text }) => redis.spublish(roomChannel(room), text)),
      )
    },
    async order(order: GatewayOrder): Promise<void> {
      await redis.spublish(gatewayOrders, JSON.stringify(order))
    },
  }
}

/**
 * What is to be published where: events of one room in one message, as many as fit, so that whoever hears a
 * thousand rings hears a few messages. Their order in a room stays. A traced event goes by itself.
 */
export function publicationsOf(rings: { room: string; text: string }[]): { room: string; text: string }[] {
  const publications: Publication[] = []
  const open = new Map<string, Publication>()
  for (const { room, text } of rings) {
    const last = open.get(room)
    const isTraced = text.startsWith(tracedMark)
    if (last && !last.isTraced && !isTraced && last.length + text.length < longestJoined) {
      last.texts.push(text)
      last.length += text.length
      continue
    }
    const publication = { room, texts: [text], length: text.length, isTraced }
    open.set(room, publication)
    publications.push(publication)
  }
  return publications.map(({ room, texts }) => ({ room, text: texts.join(betweenEvents) }))
}

interface Publication {
  room: string
  texts: string[]
  /** Of its texts, in characters. */
  length: number
  isTraced: boolean
}

export type Announcer = ReturnType<typeof createAnnouncer>
