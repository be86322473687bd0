import { closeCodes } from '@parley/shared/protocol'
import type { Socket } from 'socket.io'

type Connection = Socket['conn']

/** What may wait for a client that does not read. Engine.IO itself has no limit. */
const maxQueuedBytes = 1024 * 1024
const bytesAreSummedEvery = 64

interface Queued {
  data?: string | Buffer
  options?: { wsPreEncodedFrame?: Buffer[] }
}

/**
 * Cuts a connection off whose queue is beyond the limit, and says whether it did. The client comes back and
 * fetches what it lacks from the log; feeding it on would cost everybody else's memory.
 */
export function closeIfTooSlow(conn: Connection): boolean {
  const queue = (conn as unknown as { writeBuffer: Queued[] }).writeBuffer
  if (queue.length === 0 || queue.length % bytesAreSummedEvery !== 0) return false
  if (queue.reduce((bytes, packet) => bytes + sizeOf(packet), 0) <= maxQueuedBytes) return false
  // What is queued will never be read, and the close frame must not wait behind it.
  queue.length = 0
  terminateSoon(conn)
  return true
}

function sizeOf({ data, options }: Queued): number {
  return options?.wsPreEncodedFrame?.[0]?.length ?? data?.length ?? 0
}

interface RawSocket {
  close(code: number, reason: string): void
  terminate(): void
}

function terminateSoon(conn: Connection): void {
  const raw = (conn.transport as unknown as { socket?: RawSocket }).socket
  if (!raw) {
    conn.close(true)
    return
  }
  raw.close(closeCodes.slowConsumer, 'slow consumer')
  // A peer that does not read does not answer the closing handshake either.
  setTimeout(() => raw.terminate(), 1_000).unref()
}
