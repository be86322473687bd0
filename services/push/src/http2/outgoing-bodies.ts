import { defaultFrameSize, defaultWindow, flag, type Frame, frame, frameType } from './frames.ts'
import type { OpenStream } from './stream.ts'

const largestWindow = 2 ** 31 - 1
const largestFrameSize = 4 * defaultFrameSize

/**
 * Sends the bodies of requests as far as the peer has made room for them, on the stream of each and on the connection
 * for all of them together (RFC 9113, 5.2 and 6.9).
 */
export function createOutgoingBodies(
  streams: ReadonlyMap<number, OpenStream>,
  write: (buffer: Buffer) => void,
) {
  let window = defaultWindow
  let streamWindow = defaultWindow
  let maxFrameSize = defaultFrameSize
  /** Those whose bodies are to be sent, the oldest first. While the connection has room, their own streams have none. */
  const waiting = new Set<OpenStream>()

  /** As much of the bodies as the peer is ready to take, the oldest first. */
  function send(): void {
    for (const stream of waiting) {
      if (window <= 0) return
      sendBody(stream)
      if (stream.body.length === 0) waiting.delete(stream)
    }
  }

  function sendBody(stream: OpenStream): void {
    while (stream.body.length > 0) {
      const length = Math.min(stream.body.length, window, stream.window, maxFrameSize)
      if (length <= 0) return
      const flags = length === stream.body.length ? flag.endStream : 0
      const head = { type: frameType.data, flags, streamId: stream.id }
      write(frame(head, stream.body.subarray(0, length)))
      stream.body = stream.body.subarray(length)
      window -= length
      stream.window -= length
    }
  }

  return {
    /** Octets the peer takes on a stream that is opened now. */
    get streamWindow(): number {
      return streamWindow
    },
    /** Sends the body of a stream whose head is on its way, after those that wait for room on the connection. */
    add(stream: OpenStream): void {
      sendBody(stream)
      if (stream.body.length > 0) waiting.add(stream)
    },
    /** Sends no more of it. */
    drop(stream: OpenStream): void {
      if (stream.body.length > 0) waiting.delete(stream)
    },
    send,
    /** The peer's WINDOW_UPDATE. Throws where the connection's window grows beyond what RFC 9113, 6.9.1 allows. */
    widen({ streamId, payload }: Frame): void {
      const room = payload.readUInt32BE() & 0x7fffffff
      if (streamId === 0) window += room
      else {
        const stream = streams.get(streamId)
        if (stream) stream.window += room
      }
      if (window > largestWindow) throw new Error('a window is too large')
      send()
    },
    /**
     * The peer's SETTINGS_INITIAL_WINDOW_SIZE, which holds for open streams as well (RFC 9113, 6.9.2); `send` comes after
     * it. Throws on one that is too large.
     */
    resizeStreamWindows(to: number): void {
      if (to > largestWindow) throw new Error('a window is too large')
      for (const stream of streams.values()) stream.window += to - streamWindow
      streamWindow = to
    },
    /** The peer's SETTINGS_MAX_FRAME_SIZE, of which 64 KiB at most are used. */
    resizeFrames(to: number): void {
      maxFrameSize = Math.min(Math.max(to, defaultFrameSize), largestFrameSize)
    },
  }
}
