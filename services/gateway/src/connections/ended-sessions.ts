import type { SessionId } from '@parley/shared/ids'
import { closeCodes } from '@parley/shared/protocol'
import type { EndReason } from '@parley/shared/realtime'
import type { EndedSession } from '@parley/shared/rpc'
import type { Listeners } from '../listeners/listeners.ts'
import type { ChatSocket } from '../realtime.ts'
import { closeSocket } from './close-socket.ts'
import type { Registry } from './registry.ts'

/** Longer than any handshake takes. */
const rememberedForMs = 60_000
const maxRemembered = 50_000

type End = Omit<EndedSession, 'sessionId'>

/**
 * Closes the sockets and streams of sessions that ended, and remembers them for a while: an end that is heard while a handshake
 * of the same session waits for its answer must not be missed by it.
 */
export function createEndedSessions(
  registry: Registry,
  listeners: Pick<Listeners, 'endSession'>,
  now: () => number = performance.now.bind(performance),
) {
  // In the order they were heard of, so the first is the oldest.
  const heard = new Map<SessionId, End & { at: number }>()

  return {
    end({ sessionId, ...end }: EndedSession): void {
      heard.delete(sessionId)
      heard.set(sessionId, { ...end, at: now() })
      forgetOld()
      for (const socket of registry.socketsOfSession(sessionId)) closeEnded(socket, end)
      listeners.endSession(sessionId, { ...end, code: codes[end.reason] })
    },
    /** To be called with a socket that was just registered, or goes on under another session. */
    checkNewcomer(socket: ChatSocket): void {
      const end = heard.get(socket.data.identity.sessionId)
      if (end && end.at >= socket.data.askedAt) closeEnded(socket, end)
    },
  }

  function forgetOld(): void {
    for (const [sessionId, { at }] of heard) {
      if (heard.size <= maxRemembered && at > now() - rememberedForMs) return
      heard.delete(sessionId)
    }
  }
}

export type EndedSessions = ReturnType<typeof createEndedSessions>

const codes: Record<EndReason, number> = {
  revoked: closeCodes.tokenExpired,
  replaced: closeCodes.replaced,
  suspended: closeCodes.forbidden,
}

function closeEnded(socket: ChatSocket, { reason, by }: End): void {
  if (by) socket.emit('session:replaced', { by })
  closeSocket(socket, codes[reason], `session ${reason}`)
}
