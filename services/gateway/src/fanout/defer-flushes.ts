import type { Server } from 'socket.io'
import { type WebSocketTransport, writeAtOnce } from './write-at-once.ts'

type Engine = Server['engine']

interface Connection {
  flush: (this: Connection) => void
  writeBuffer: unknown[]
  transport: WebSocketTransport & { name: string }
}

const isDeferred = Symbol('deferred flush')
const isDirty = Symbol('waits for its flush')

type Prototype = Connection & { [isDeferred]?: boolean }
type Waiting = Connection & { [isDirty]?: boolean }

/** How long a saturated node lets packets gather. One with time to spare writes at the end of the turn. */
const holdMs = 4
const busyAbove = 0.9
const loadSampledEveryMs = 100

/**
 * Writes each WebSocket once per turn of the event loop, whatever was emitted to it meanwhile: stock Engine.IO
 * flushes after every packet, at a system call each. A node that is at its limit lets a few milliseconds of packets
 * gather, which spares it system calls just when it has no time for them. Order per socket stays. Where Engine.IO is not as expected,
 * its own flush is left alone.
 */
export function deferFlushes(engine: Engine): void {
  engine.once('connection', (connection: Connection) => {
    const prototype = Object.getPrototypeOf(connection) as Prototype
    if (prototype[isDeferred] || typeof prototype.flush !== 'function') return
    prototype[isDeferred] = true
    const stockFlush = prototype.flush
    const isBusy = watchLoad()
    let waiting: Waiting[] = []

    function flushAll(): void {
      const connections = waiting
      waiting = []
      for (const conn of connections) {
        conn[isDirty] = false
        stockFlush.call(conn)
      }
    }

    prototype.flush = function flush(this: Waiting) {
      if (this.transport.name !== 'websocket') return stockFlush.call(this)
      if (this[isDirty]) return
      this[isDirty] = true
      writeAtOnce(this.transport)
      if (waiting.push(this) > 1) return
      if (isBusy()) setTimeout(flushAll, holdMs)
      else setImmediate(flushAll)
    }
  })
}

/** Whether the event loop has lately been at work almost all of the time. */
function watchLoad(): () => boolean {
  let busy = false
  let last = performance.eventLoopUtilization()
  setInterval(() => {
    const current = performance.eventLoopUtilization()
    busy = performance.eventLoopUtilization(current, last).utilization > busyAbove
    last = current
  }, loadSampledEveryMs).unref()
  return () => busy
}
