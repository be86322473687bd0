import type { TLSSocket } from 'node:tls'
import { setting, settingsFrame } from './frames.ts'

/** RFC 9113, 3.4: octets that are no frame, and the client's SETTINGS. */
const preface = [Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), settingsFrame([[setting.enablePush, 0]])]
/** What the peer has not taken yet; it is sent answers to its PINGs and SETTINGS only up to here. */
const maxUntakenBytes = 16 * 1024 * 1024

/**
 * Sends frames on a socket, after the connection preface: those of one turn of the event loop leave in one write.
 * `flushed` is called whenever they have. The first time has to be asked for with `flush`, or comes with the first frame.
 */
export function createFrameWriter(socket: TLSSocket, flushed: () => void) {
  let out = [...preface]
  let flushing: NodeJS.Immediate | undefined

  function write(buffer: Buffer): void {
    out.push(buffer)
    flushSoon()
  }

  function flushSoon(): void {
    flushing ??= setImmediate(flush)
  }

  function flush(): void {
    flushing = undefined
    const frames = out
    out = []
    // What the peer asks for after our goodbye has no answer.
    if (socket.destroyed || socket.writableEnded) return
    const [first] = frames
    if (first) socket.write(frames.length === 1 ? first : Buffer.concat(frames))
    flushed()
  }

  return {
    write,
    /** Writes what the peer asked for. Throws where it asks on and takes nothing, rather than keep it all. */
    answer(buffer: Buffer): void {
      if (socket.writableLength > maxUntakenBytes) throw new Error('the peer asks and does not listen')
      write(buffer)
    },
    flush,
    /** At the end of this turn, also if there is nothing to send. */
    flushSoon,
    [Symbol.dispose](): void {
      clearImmediate(flushing)
    },
  }
}
