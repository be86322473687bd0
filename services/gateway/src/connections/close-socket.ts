import { isSessionOver } from '../errors.ts'
import type { ChatSocket } from '../realtime.ts'

/** How long the notice before a close may take to be written; a client that does not read is closed without it. */
const noticeWithinMs = 250

/**
 * Closes a socket with a code that says whether to come back. Over polling, which has no codes, the event before
 * it says the same. The transport is closed rather than the Socket.IO session, because after `disconnect()` a
 * client does not reconnect by itself.
 */
export function closeSocket(
  socket: ChatSocket,
  code: number,
  reason: string,
  { forGood = false }: { forGood?: boolean } = {},
): void {
  const { conn } = socket
  // What refuses the requests of a session that is over stays, also where the node drains meanwhile.
  if (!isSessionOver(socket.data.closeCode)) socket.data.closeCode = code
  socket.emit('session:closing', { code, reason })
  if (forGood) socket.disconnect()
  onceWritten(conn, () => {
    const raw = (conn.transport as unknown as { socket?: { close(code: number, reason: string): void } })
      .socket
    if (raw && conn.transport.name === 'websocket') raw.close(code, reason)
    else conn.close()
  })
}

/** Packets wait for the flush at the end of the turn, or a little longer on a busy node; a close must not overtake them. */
function onceWritten(conn: ChatSocket['conn'], close: () => void): void {
  const queue = (conn as unknown as { writeBuffer: unknown[] }).writeBuffer
  if (queue.length === 0) return close()
  const timer = setTimeout(done, noticeWithinMs)
  conn.once('drain', done)
  function done(): void {
    clearTimeout(timer)
    conn.removeListener('drain', done)
    close()
  }
}
