import type { Server } from 'node:http'
import type { Socket } from 'node:net'

const everyMs = 50

/**
 * Once called for, lets a closing server wait for requests in hand and for nothing else. By itself Node also waits,
 * for a minute or more, for a connection whose last answer left at that very moment, and for one that was opened
 * ahead of need and has not asked anything. Sockets that were upgraded are left to whoever upgraded them.
 */
export function watchConnections(server: Server): { closeIdle: () => void } {
  const open = new Set<Socket>()
  server.on('connection', (socket) => {
    open.add(socket)
    socket.once('close', () => open.delete(socket))
  })

  function closeIdle(): void {
    server.closeIdleConnections()
    for (const socket of open) if (socket.bytesRead === 0) socket.destroy()
  }

  return {
    closeIdle() {
      if (!server.listening) return
      const timer = setInterval(closeIdle, everyMs)
      server.once('close', () => clearInterval(timer))
    },
  }
}
