import type { DeviceId, SessionId, UserId } from '@parley/shared/ids'
import type { UserAtGateway } from '@parley/shared/presence'
import { createTokenBucket, type TokenBucket } from '@parley/shared/token-bucket'
import type { Identity } from '@parley/shared/tokens'
import type { Config } from '../config.ts'
import type { ChatSocket } from '../realtime.ts'

export interface UserHere {
  sockets: Set<ChatSocket>
  sends: TokenBucket
  requests: TokenBucket
  typing: TokenBucket
}

/** Who is connected to this node. Limits are a user's, not a socket's: a second socket does not double them. */
export function createRegistry({ limits }: Pick<Config, 'limits'>) {
  const users = new Map<UserId, UserHere>()
  const sessions = new Map<SessionId, Set<ChatSocket>>()
  let connections = 0

  function addToSession(socket: ChatSocket): void {
    const { sessionId } = socket.data.identity
    sessions.set(sessionId, (sessions.get(sessionId) ?? new Set()).add(socket))
  }

  function removeFromSession(socket: ChatSocket): void {
    const { sessionId } = socket.data.identity
    const ofSession = sessions.get(sessionId)
    ofSession?.delete(socket)
    if (ofSession?.size === 0) sessions.delete(sessionId)
  }

  return {
    get connections(): number {
      return connections
    },
    user: (userId: UserId) => users.get(userId),
    socketsOf: (userId: UserId): Iterable<ChatSocket> => [...(users.get(userId)?.sockets ?? [])],
    /** How many devices of a user are here beside one. */
    otherDevices(userId: UserId, deviceId: DeviceId): number {
      const devices = new Set<DeviceId>()
      for (const socket of users.get(userId)?.sockets ?? []) devices.add(socket.data.identity.deviceId)
      devices.delete(deviceId)
      return devices.size
    },
    socketsOfSession: (sessionId: SessionId): Iterable<ChatSocket> => [...(sessions.get(sessionId) ?? [])],
    sessionIds: (): SessionId[] => [...sessions.keys()],
    *sockets(): Iterable<ChatSocket> {
      for (const { sockets } of users.values()) yield* sockets
    },
    presenceOf: (userId: UserId): UserAtGateway => toPresence(users.get(userId)?.sockets),
    *everybody(): Iterable<[UserId, UserAtGateway]> {
      for (const [userId, { sockets }] of users) yield [userId, toPresence(sockets)]
    },

    add(socket: ChatSocket): UserHere {
      const { userId } = socket.data.identity
      let here = users.get(userId)
      if (!here) {
        here = {
          sockets: new Set(),
          sends: createTokenBucket(limits.sends),
          requests: createTokenBucket(limits.requests),
          typing: createTokenBucket(limits.typing),
        }
        users.set(userId, here)
      }
      here.sockets.add(socket)
      connections++
      addToSession(socket)
      return here
    },

    remove(socket: ChatSocket): void {
      const { userId } = socket.data.identity
      const here = users.get(userId)
      if (!here?.sockets.delete(socket)) return
      connections--
      if (here.sockets.size === 0) users.delete(userId)
      removeFromSession(socket)
    },

    /** Goes on under another token of the same user. */
    renew(socket: ChatSocket, identity: Identity): void {
      if (!users.get(identity.userId)?.sockets.has(socket)) return
      removeFromSession(socket)
      socket.data.identity = identity
      socket.data.warnedOfExpiry = false
      addToSession(socket)
    },
  }
}

export type Registry = ReturnType<typeof createRegistry>

function toPresence(sockets: Set<ChatSocket> | undefined): UserAtGateway {
  const foreground = sockets?.values().some(({ data }) => data.appState === 'foreground')
  return { sockets: sockets?.size ?? 0, foreground: foreground ?? false }
}
