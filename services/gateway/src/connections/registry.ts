import type { DeviceId, SessionId, UserId } from '@parley/shared/ids'
import type { UserAtGateway } from '@parley/shared/presence'
import { createTokenBucket } from '@parley/shared/token-bucket'
import type { Identity } from '@parley/shared/tokens'
import type { Config } from '../config.ts'
import type { ChatSocket } from '../realtime.ts'
import { createLeftBuckets } from './left-buckets.ts'
import type { Buckets, Rate } from './user-rates.ts'

export interface UserHere {
  /** Seldom more than one, for which an array takes a third of the memory of a set. */
  sockets: ChatSocket[]
  buckets: Buckets
}

/** Who is connected to this node. Limits are a user's, not a socket's: a second socket does not double them. */
export function createRegistry({ limits }: Pick<Config, 'limits'>) {
  const users = new Map<UserId, UserHere>()
  const leftBuckets = createLeftBuckets(limits)
  const sessions = new Map<SessionId, ChatSocket[]>()
  let connections = 0

  function addToSession(socket: ChatSocket): void {
    const { sessionId } = socket.data.identity
    const others = sessions.get(sessionId)
    sessions.set(sessionId, others ? [...others, socket] : [socket])
  }

  function removeFromSession(socket: ChatSocket): void {
    const { sessionId } = socket.data.identity
    const others = (sessions.get(sessionId) ?? []).filter((it) => it !== socket)
    if (others.length === 0) sessions.delete(sessionId)
    else sessions.set(sessionId, others)
  }

  return {
    get connections(): number {
      return connections
    },
    user: (userId: UserId) => users.get(userId),
    socketsOf: (userId: UserId): readonly ChatSocket[] => users.get(userId)?.sockets ?? [],
    /** How many devices of a user are here beside one. */
    otherDevices(userId: UserId, deviceId: DeviceId): number {
      const devices = new Set<DeviceId>()
      for (const socket of users.get(userId)?.sockets ?? []) devices.add(socket.data.identity.deviceId)
      devices.delete(deviceId)
      return devices.size
    },
    socketsOfSession: (sessionId: SessionId): readonly ChatSocket[] => sessions.get(sessionId) ?? [],
    sessionIds: (): SessionId[] => [...sessions.keys()],
    *sockets(): Iterable<ChatSocket> {
      for (const { sockets } of users.values()) yield* sockets
    },
    presenceOf: (userId: UserId): UserAtGateway => toPresence(users.get(userId)?.sockets),
    *everybody(): Iterable<[UserId, UserAtGateway]> {
      for (const [userId, { sockets }] of users) yield [userId, toPresence(sockets)]
    },

    /** Draws on what a user may do; the milliseconds until the next if that is used up, else 0. */
    take(userId: UserId, rate: Rate): number {
      const here = users.get(userId)
      if (!here) return 0
      const bucket = (here.buckets[rate] ??= createTokenBucket(limits[rate]))
      return bucket.take()
    },

    add(socket: ChatSocket): void {
      const { userId } = socket.data.identity
      const here = users.get(userId)
      if (here) here.sockets = [...here.sockets, socket]
      else users.set(userId, { sockets: [socket], buckets: leftBuckets.takeBack(userId) })
      connections++
      addToSession(socket)
    },

    remove(socket: ChatSocket): void {
      const { userId } = socket.data.identity
      const here = users.get(userId)
      if (!here?.sockets.includes(socket)) return
      here.sockets = here.sockets.filter((it) => it !== socket)
      connections--
      if (here.sockets.length === 0) {
        users.delete(userId)
        leftBuckets.keep(userId, here.buckets)
      }
      removeFromSession(socket)
    },

    /** Goes on under another token of the same user. */
    renew(socket: ChatSocket, identity: Identity): void {
      if (!users.get(identity.userId)?.sockets.includes(socket)) return
      removeFromSession(socket)
      socket.data.identity = identity
      socket.data.warnedOfExpiry = false
      addToSession(socket)
    },
  }
}

export type Registry = ReturnType<typeof createRegistry>

function toPresence(sockets: ChatSocket[] | undefined): UserAtGateway {
  const foreground = sockets?.some(({ data }) => data.appState === 'foreground')
  return { sockets: sockets?.length ?? 0, foreground: foreground ?? false }
}
