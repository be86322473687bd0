import type { Connection } from './connection.ts'
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
  connection: Pick<Connection, 'ping'>,
  { idleCloseMs, ping, isIdle, expired, dead }: IdleWatchOptions,
) {
  let lastUsed = Date.now()
  let limit: NodeJS.Timeout | undefined
  const everyMs = Math.min(ping?.afterIdleMs ?? idleCloseMs, idleCloseMs)
  const timer = setInterval(look, everyMs)

  function look(): void {
    if (!isIdle() || Date.now() - lastUsed < everyMs) return
    if (Date.now() - lastUsed >= idleCloseMs) return expired()
    if (!ping || limit) return
    limit = setTimeout(dead, ping.limitMs)
    connection.ping(() => {
      clearTimeout(limit)
      limit = undefined
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
