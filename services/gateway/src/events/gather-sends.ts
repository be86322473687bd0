import type { Server } from 'socket.io'
import { createSteps } from '../connections/steps.ts'
import { sendEvent, type SendTransport, takeSend } from './take-send.ts'

/** Of Engine.IO; its classes for WebSocket and polling extend one that has these. */
interface Transport {
  onData: (this: Gathering, data: unknown) => void
  onClose: (this: Gathering) => void
}

const isPatched = Symbol('gathers sends')
const waits = Symbol('has frames that wait')

type Gathering = Transport & SendTransport & { [waits]?: boolean }

/** Of one node within a step: 160 a second. */
const crowd = 4
/** To gather more saves little, and one busy conversation would wait for its step. */
const enough = 128
const receiptEvent = '["receipt:deliver",'

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
      if (isGathered(data)) {
        this[waits] = true
        return steps.join(() => {
          this[waits] = false
          if (!takeSend(this, data)) onData.call(this, data)
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

/** What clients say most often, as the text of an Engine.IO message (4) that is a Socket.IO event (2). */
function isGathered(data: unknown): data is string {
  if (typeof data !== 'string' || !data.startsWith('42')) return false
  const payload = data.indexOf('[')
  return data.startsWith(sendEvent, payload) || data.startsWith(receiptEvent, payload)
}
