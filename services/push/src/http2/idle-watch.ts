import type { ClientHttp2Session } from 'node:http2'
import type { ConnectionPolicy } from './policy.ts'

interface IdleWatchOptions extends Pick<ConnectionPolicy, 'idleCloseMs' | 'ping'> {
  isIdle: () => boolean
  /** The connection has had nothing to do for long enough. */
  expired: () => void
  /** A ping was not answered in time. */
  dead: () => void
}

/** Looks after a connection that has nothing to do. `touch` tells it that there was something. */
export function watchIdle(
  session: ClientHttp2Session,
  { idleCloseMs, ping, isIdle, expired, dead }: IdleWatchOptions,
) {
  let lastUsed = Date.now()
  let limit: NodeJS.Timeout | undefined
  const everyMs = Math.min(ping?.afterIdleMs ?? idleCloseMs, idleCloseMs)
  const timer = setInterval(look, everyMs)

  function look(): void {
    // Destroyed, and its `close` is still to come: to ping it now would throw out of the timer.
    if (session.destroyed) return
    if (!isIdle() || Date.now() - lastUsed < everyMs) return
    if (Date.now() - lastUsed >= idleCloseMs) return expired()
    if (!ping || limit) return
    limit = setTimeout(dead, ping.limitMs)
    session.ping((err) => {
      clearTimeout(limit)
      limit = undefined
      if (err) dead()
    })
  }

  return {
    touch(): void {
      lastUsed = Date.now()
    },
    [Symbol.dispose](): void {
      clearInterval(timer)
      clearTimeout(limit)
    },
  }
}
