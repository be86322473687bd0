import type { Server } from 'socket.io'
import { createSteps } from '../connections/steps.ts'
import type { ChatSocket } from '../realtime.ts'
import type { AnswerSend } from './answer-send.ts'

/** Of Engine.IO; its classes for WebSocket and polling extend one that has these. */
interface Transport {
  onData: (this: Gathering, data: unknown) => void
  onClose: (this: Gathering) => void
}

const isPatched = Symbol('gathers sends')
const waits = Symbol('has frames that wait')
const taker = Symbol('takes its sends')

type Gathering = Transport & { [waits]?: boolean; [taker]?: { socket: ChatSocket; answerSend: AnswerSend } }

/** Of one node within a step: 160 a second. */
const crowd = 4
/** To gather more saves little. */
const enough = 32
/** What clients say most often, after the digits that ask for an answer. */
const sends = '["message:send",'
const receipts = '["receipt:deliver",'
/** That can be counted on without a loss. */
const isNumber = /^\d{1,15}$/

/**
 * Lets the sends that arrive at a node within a moment go on together, before they are even decoded. Each by itself
 * would pay for a call to messages, a commit, and code that other work has driven out of the processor's caches. Frames of
 * one connection keep their order: anything else it says, or its end, lets all that wait go first. Where Engine.IO is not as
 * expected, frames go on as they come. A bound: `enough` frames wait, of the size Engine.IO allows.
 */
export function gatherSends(engine: Server['engine']): void {
  engine.once('connection', ({ transport }: { transport: Transport }) => {
    const prototype = rootOf(transport) as Transport & { [isPatched]?: boolean }
    if (prototype[isPatched] || typeof prototype.onClose !== 'function') return
    prototype[isPatched] = true
    const steps = createSteps({ crowd, enough })
    const { onData, onClose } = prototype

    prototype.onData = function gather(data) {
      if (isOften(data)) {
        this[waits] = true
        return steps.join(() => {
          this[waits] = false
          if (!isTaken(this, data)) onData.call(this, data)
        })
      }
      if (this[waits]) steps.end()
      onData.call(this, data)
    }

    prototype.onClose = function closeAfterThem() {
      if (this[waits]) steps.end()
      onClose.call(this)
    }
  })
}

/** The prototype that all transports share: the last that has a way in. */
function rootOf(transport: Transport): Transport {
  let root = Object.getPrototypeOf(transport) as Transport
  for (;;) {
    const next = Object.getPrototypeOf(root) as Partial<Transport>
    if (typeof next.onData !== 'function') return root
    root = next as Transport
  }
}

/** The text of an Engine.IO message (4) that is a Socket.IO event (2). */
function isOften(data: unknown): data is string {
  if (typeof data !== 'string' || !data.startsWith('42')) return false
  const payload = data.indexOf('[')
  return data.startsWith(sends, payload) || data.startsWith(receipts, payload)
}

/** From here on the sends of this connection are answered so, and not decoded by Socket.IO. */
export function takeSendsOf(socket: ChatSocket, answerSend: AnswerSend): void {
  const transport = socket.conn.transport as unknown as Gathering
  transport[taker] ??= { socket, answerSend }
}

/** False where it is for Socket.IO to say what it thinks of a frame. */
function isTaken({ [taker]: whose }: Gathering, data: string): boolean {
  if (!whose || !whose.socket.connected || whose.socket.conn.readyState !== 'open') return false
  const payload = data.indexOf('[')
  const ackId = data.slice(2, payload)
  if (!isNumber.test(ackId) || !data.startsWith(sends, payload)) return false
  const args = parse(data.slice(payload))
  if (!Array.isArray(args) || args.length !== 2) return false
  whose.answerSend(whose.socket, Number(ackId), args[1])
  return true
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
