import type { ChatSocket } from '../realtime.ts'

/**
 * Closes a socket with a code that says whether to come back. Over polling, which has no codes, the event before
 * it says the same. The transport is closed rather than the Socket.IO session, because after `disconnect()` a
 * client does not reconnect by itself.
 */
export function closeSocket(socket: ChatSocket, code: number, reason: string): void {
  socket.emit('session:closing', { code, reason })
  const { conn } = socket
  // After the flush at the end of this turn, or the event would be overtaken by the close.
  setImmediate(() => {
    const raw = (conn.transport as unknown as { socket?: { close(code: number, reason: string): void } })
      .socket
    if (raw && conn.transport.name === 'websocket') raw.close(code, reason)
    else conn.close()
  })
}
