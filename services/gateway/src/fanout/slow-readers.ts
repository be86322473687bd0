import { closeCodes } from '@parley/shared/protocol'
import type { Server } from 'socket.io'
import type { FanoutMetrics } from './fanout-metrics.ts'

type Engine = Server['engine']

/**
 * What may wait for a client that does not read, beside the largest of it: one answer alone may be larger. Engine.IO
 * itself has no limit.
 */
const maxQueuedBytes = 1024 * 1024
/** About what a packet takes beside its data. */
const packetBytes = 100

const isPatched = Symbol('cuts off slow readers')
const wasCutOff = Symbol('was cut off')
const size = Symbol('size of what was looked at')
const cutOffEvent = 'cut_off'

interface Queued {
  data?: string | Buffer
  options?: { wsPreEncodedFrame?: Buffer[] }
}

interface Queue extends Array<Queued> {
  [size]?: { packets: number; bytes: number; largest: number }
}

interface RawSocket {
  close(code: number, reason: string): void
  terminate(): void
}

/** Of Engine.IO. */
interface Connection {
  flush: (this: Connection) => void
  /** A new one with each flush. */
  writeBuffer: Queue
  transport: { writable: boolean; socket?: RawSocket }
  server: { emit: (event: string) => void }
  close: (discard: boolean) => void
  [wasCutOff]?: boolean
}

type Prototype = Connection & { [isPatched]?: boolean }

/**
 * Cuts a connection off whose queue is beyond the limit, whatever was written to it and by whom: Engine.IO flushes after
 * every packet. The client comes back and fetches what it lacks from the log; feeding it on would cost everybody
 * else's memory. Where Engine.IO is not as expected, nothing is bounded.
 */
export function cutOffSlowReaders(engine: Engine, { slowConsumers }: FanoutMetrics): void {
  engine.on(cutOffEvent, () => slowConsumers.inc({ reason: 'queue' }))
  engine.once('connection', (connection: Connection) => {
    const prototype = Object.getPrototypeOf(connection) as Prototype
    if (prototype[isPatched] || typeof prototype.flush !== 'function') return
    prototype[isPatched] = true
    const { flush } = prototype

    prototype.flush = function flushOrCutOff() {
      // What waits for the end of the turn does not wait for the client.
      if (!this.transport.writable && !this[wasCutOff] && isTooLarge(this.writeBuffer)) cutOff(this)
      // What is queued will never be read, and the close frame must not wait behind it.
      if (this[wasCutOff]) this.writeBuffer.length = 0
      else flush.call(this)
    }
  })
}

/** Whether a connection was cut off, which may end a moment later. */
export const isCutOff = (conn: object): boolean => (conn as Connection)[wasCutOff] === true

/** Looks at each packet once, since it is asked at every one. */
function isTooLarge(queue: Queue): boolean {
  if (queue.length <= 1) return false
  const seen = (queue[size] ??= { packets: 0, bytes: 0, largest: 0 })
  for (; seen.packets < queue.length; seen.packets++) {
    const bytes = sizeOf(queue[seen.packets])
    seen.bytes += bytes
    seen.largest = Math.max(seen.largest, bytes)
  }
  return seen.bytes - seen.largest > maxQueuedBytes
}

function sizeOf(packet: Queued | undefined): number {
  return packetBytes + (packet?.options?.wsPreEncodedFrame?.[0]?.length ?? packet?.data?.length ?? 0)
}

function cutOff(conn: Connection): void {
  conn[wasCutOff] = true
  conn.server.emit(cutOffEvent)
  const raw = conn.transport.socket
  if (!raw) {
    // Who writes is going through the sockets of a room, or of this node.
    setImmediate(() => conn.close(true))
    return
  }
  raw.close(closeCodes.slowConsumer, 'slow consumer')
  // A peer that does not read does not answer the closing handshake either.
  setTimeout(() => raw.terminate(), 1_000).unref()
}
