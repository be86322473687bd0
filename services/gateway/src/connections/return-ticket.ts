import { createHmac, timingSafeEqual } from 'node:crypto'
import type { SessionId } from '@parley/shared/ids'

/** From the moment it may be used; clocks of two nodes differ, and a first try may fail. */
const validForMs = 60_000
const longest = 64

/**
 * A gateway that goes away gives each client a ticket, and the next one lets whoever has it in before others, since
 * their moments to come back are spread already. It stands for a session and nothing else: it opens no door that the
 * access token does not.
 */
export function createReturnTickets(secret: string, now: () => number = Date.now) {
  const key = createHmac('sha256', secret).update('return ticket').digest()
  const sign = (sessionId: SessionId, until: string) =>
    createHmac('sha256', key).update(`${until}.${sessionId}`).digest('base64url').slice(0, 27)

  return {
    issue(sessionId: SessionId, reconnectAfterMs: number): string {
      const until = Math.round(now() + reconnectAfterMs + validForMs).toString(36)
      return `${until}.${sign(sessionId, until)}`
    },
    isValid(ticket: string | undefined, sessionId: SessionId): boolean {
      if (!ticket || ticket.length > longest) return false
      const [until = '', signature = ''] = ticket.split('.')
      if (!(Number.parseInt(until, 36) >= now())) return false
      const [given, right] = [Buffer.from(signature), Buffer.from(sign(sessionId, until))]
      return given.length === right.length && timingSafeEqual(given, right)
    },
  }
}

export type ReturnTickets = ReturnType<typeof createReturnTickets>
