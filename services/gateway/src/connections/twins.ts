import { randomBytes } from 'node:crypto'
import { closeCodes } from '@parley/shared/protocol'
import { roomChannel, userRoom } from '@parley/shared/realtime'
import type { RedisClient } from '@parley/shared/redis'
import { z } from 'zod'
import type { ChatSocket } from '../realtime.ts'
import { closeSocket } from './close-socket.ts'
import type { Registry } from './registry.ts'

/** Stands before a notice between gateways on a user's channel, where events begin with 4. */
export const noticeMark = '!'

const Newcomer = z.object({
  socketId: z.string(),
  userId: z.string(),
  deviceId: z.string(),
  platform: z.string(),
  connectedAt: z.number(),
})
type Newcomer = z.output<typeof Newcomer>

interface TwinsOptions {
  registry: Registry
  publisher: RedisClient
}

/**
 * A device has one socket: its newest takes the place of the one before, on whatever node that is. The user's own
 * channel carries the notice, so only nodes that have a socket of the user hear it. While Redis is away a twin on
 * another node stays until its heartbeat fails; nothing but a second copy of events comes of it.
 */
export function createTwins({ registry, publisher }: TwinsOptions) {
  /** Redis brings a node its own notices too, and thousands of them when everybody comes back at once. */
  const own = `${noticeMark}{"by":"${randomBytes(6).toString('hex')}",`

  function closeOlder(newcomer: Newcomer): void {
    for (const socket of registry.socketsOf(newcomer.userId as never)) {
      if (socket.data.identity.deviceId === newcomer.deviceId && isOlder(socket, newcomer))
        closeTwin(socket, newcomer)
    }
  }

  return {
    /** To be called with a socket that was just registered. */
    replace(socket: ChatSocket): void {
      const { userId, deviceId, platform } = socket.data.identity
      const newcomer = {
        socketId: socket.id,
        userId,
        deviceId,
        platform,
        connectedAt: socket.data.connectedAt,
      }
      closeOlder(newcomer)
      const notice = `${own}${JSON.stringify(newcomer).slice(1)}`
      publisher.spublish(roomChannel(userRoom(userId)), notice).catch(() => undefined)
    },
    /** A notice of another node; what is none is ignored. */
    hear(notice: string): void {
      if (notice.startsWith(own)) return
      const newcomer = Newcomer.safeParse(parse(notice.slice(noticeMark.length)))
      if (newcomer.success) closeOlder(newcomer.data)
    },
  }
}

/** A total order, so that of two that come at the same moment on two nodes exactly one stays. */
function isOlder({ id, data: { connectedAt } }: ChatSocket, newcomer: Newcomer): boolean {
  if (connectedAt !== newcomer.connectedAt) return connectedAt < newcomer.connectedAt
  return id < newcomer.socketId
}

/** For good: two clients that came back each time would push one another out for ever. */
function closeTwin(socket: ChatSocket, { deviceId, platform, connectedAt }: Newcomer): void {
  socket.emit('session:replaced', { by: { deviceId, platform, at: new Date(connectedAt).toISOString() } })
  closeSocket(socket, closeCodes.replaced, 'this device connected again', { forGood: true })
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
