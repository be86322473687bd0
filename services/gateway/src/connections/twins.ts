import { randomBytes } from 'node:crypto'
import type { UserId } from '@parley/shared/ids'
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

  /** Of two the newer stays, whichever of them is heard of first. */
  function settle(newcomer: Newcomer): void {
    for (const socket of registry.socketsOf(newcomer.userId as never)) {
      if (socket.data.identity.deviceId !== newcomer.deviceId || socket.id === newcomer.socketId) continue
      if (isOlder(socket, newcomer)) closeTwin(socket, newcomer)
      // Whoever holds the newcomer may not have heard of this one, which came first.
      else if (socket.data.closeCode === undefined) announce(toNewcomer(socket))
    }
  }

  function announce(newcomer: Newcomer): void {
    const notice = `${own}${JSON.stringify(newcomer).slice(1)}`
    publisher.spublish(roomChannel(userRoom(newcomer.userId as UserId)), notice).catch(() => undefined)
  }

  return {
    /** To be called with a socket that was just registered. */
    replace(socket: ChatSocket): void {
      const newcomer = toNewcomer(socket)
      for (const twin of registry.socketsOf(newcomer.userId as never)) {
        if (twin === socket || twin.data.identity.deviceId !== newcomer.deviceId) continue
        if (isOlder(twin, newcomer)) closeTwin(twin, newcomer)
        else if (twin.data.closeCode === undefined) {
          // Whoever is told of this socket's end is not listening yet.
          setImmediate(() => closeTwin(socket, toNewcomer(twin)))
          return
        }
      }
      announce(newcomer)
    },
    /** A notice of another node; what is none is ignored. */
    hear(notice: string): void {
      if (notice.startsWith(own)) return
      const newcomer = Newcomer.safeParse(parse(notice.slice(noticeMark.length)))
      if (newcomer.success) settle(newcomer.data)
    },
  }
}

function toNewcomer({ id, data: { identity, connectedAt } }: ChatSocket): Newcomer {
  const { userId, deviceId, platform } = identity
  return { socketId: id, userId, deviceId, platform, connectedAt }
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
