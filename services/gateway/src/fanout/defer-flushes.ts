import type { Server } from 'socket.io'
import { type WebSocketTransport, writeAtOnce } from './write-at-once.ts'

type Engine = Server['engine']

interface Connection {
  flush: (this: Connection) => void
  writeBuffer: { data?: unknown }[]
  transport: WebSocketTransport & { name: string }
}

const isDeferred = Symbol('deferred flush')
const isDirty = Symbol('waits for its flush')
const isHeld = Symbol('has answers that wait for company')

type Prototype = Connection & { [isDeferred]?: boolean }
type Waiting = Connection & { [isDirty]?: boolean; [isHeld]?: boolean }

/** How long a saturated node lets packets gather. One with time to spare writes at the end of the turn. */
const holdMs = 4
/** How long an answer waits for the entry that comes a moment later, which whoever sent it hears too. */
const answerHoldMs = 3
const busyAbove = 0.9
const loadSampledEveryMs = 100

/**
 * Writes each WebSocket once per turn of the event loop, whatever was emitted to it meanwhile: stock Engine.IO
 * flushes after every packet, at a system call each. Answers by themselves are held for a moment, since the sender of a message hears of
 * its entry right after. A node that is at its limit lets a few milliseconds of packets
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
    let held: Waiting[] = []

    function flushAll(): void {
      const connections = waiting
      waiting = []
      for (const conn of connections) {
        conn[isDirty] = false
        stockFlush.call(conn)
      }
    }

    function flushAnswers(): void {
      const connections = held
      held = []
      for (const conn of connections) {
        conn[isHeld] = false
        if (!conn[isDirty]) stockFlush.call(conn)
      }
    }

    /** Whether all that is to be written are answers, which are held now. */
    function holdAnswers(conn: Waiting): boolean {
      if (!isAnswer(conn.writeBuffer.at(-1))) return false
      if (conn[isHeld]) return true
      if (conn.writeBuffer.length > 1) return false
      conn[isHeld] = true
      if (held.push(conn) === 1) setTimeout(flushAnswers, answerHoldMs)
      return true
    }

    prototype.flush = function flush(this: Waiting) {
      if (this.transport.name !== 'websocket') return stockFlush.call(this)
      // Engine.IO also flushes after each write, to go on with what came meanwhile.
      if (this[isDirty] || this.writeBuffer.length === 0) return
      writeAtOnce(this.transport)
      if (!isBusy() && holdAnswers(this)) return
      this[isDirty] = true
      if (waiting.push(this) > 1) return
      if (isBusy()) setTimeout(flushAll, holdMs)
      else setImmediate(flushAll)
    }
  })
}

/** An acknowledgement (3) of Socket.IO. */
const isAnswer = (packet: Connection['writeBuffer'][number] | undefined) =>
  typeof packet?.data === 'string' && packet.data.startsWith('3')

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
