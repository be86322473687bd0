import { describe, expect, test } from 'vitest'
import { defaultWindow, flag, frameHeaderSize, frameType } from './frames.ts'
import { createOutgoingBodies } from './outgoing-bodies.ts'
import type { OpenStream } from './stream.ts'

/** DATA frames as they left: the stream, how many octets, and whether they were the last. */
type Sent = [streamId: number, bytes: number, isLast: boolean]

function start() {
  const streams = new Map<number, OpenStream>()
  let sent: Sent[] = []
  const bodies = createOutgoingBodies(streams, (it) => {
    sent.push([it.readUInt32BE(5), it.length - frameHeaderSize, it[4] === flag.endStream])
  })

  function open(id: number, bytes: number): void {
    const body = Buffer.alloc(bytes)
    const window = bodies.streamWindow
    const stream = { id, body, window, headers: undefined, chunks: [], bytes: 0, done() {}, cancel() {} }
    streams.set(id, stream)
    bodies.add(stream)
  }

  function end(id: number): void {
    const stream = streams.get(id)
    streams.delete(id)
    if (stream) bodies.drop(stream)
  }

  function widen(streamId: number, room: number): void {
    const payload = Buffer.alloc(4)
    payload.writeUInt32BE(room)
    bodies.widen({ type: frameType.windowUpdate, flags: 0, streamId, payload })
  }

  /** Since it was last asked. */
  function sinceThen(): Sent[] {
    const those = sent
    sent = []
    return those
  }

  return { bodies, open, end, widen, sent: sinceThen }
}

describe('the bodies of requests', () => {
  test('are cut into frames that the peer takes', () => {
    const { open, sent } = start()
    open(1, 20_000)
    expect(sent()).toEqual([
      [1, 16_384, false],
      [1, 3_616, true],
    ])
  })

  test('share the window of the connection, the oldest first', () => {
    const { bodies, open, widen, sent } = start()
    bodies.resizeStreamWindows(100_000)
    bodies.resizeFrames(65_536)
    open(1, defaultWindow - 10)
    open(3, 30)
    open(5, 30)
    expect(sent()).toEqual([
      [1, defaultWindow - 10, true],
      [3, 10, false],
    ])
    widen(0, 25)
    expect(sent()).toEqual([
      [3, 20, true],
      [5, 5, false],
    ])
    widen(0, 25)
    expect(sent()).toEqual([[5, 25, true]])
  })

  test('wait until a window that was taken back below nothing is open again (RFC 9113, 6.9.2)', () => {
    const { bodies, open, widen, sent } = start()
    bodies.resizeStreamWindows(10)
    open(1, 15)
    expect(sent()).toEqual([[1, 10, false]])
    bodies.resizeStreamWindows(4)
    widen(1, 6)
    expect(sent()).toEqual([])
    widen(1, 2)
    expect(sent()).toEqual([[1, 2, false]])
  })

  test('use none of the room for a stream that has ended', () => {
    const { end, open, widen, sent } = start()
    open(1, defaultWindow)
    open(3, 10)
    open(5, 10)
    sent()
    end(3)
    widen(0, 10)
    expect(sent()).toEqual([[5, 10, true]])
  })

  test('do not wait for an older one whose own stream has no room', () => {
    const { bodies, open, sent } = start()
    bodies.resizeStreamWindows(10)
    open(1, 15)
    open(3, 8)
    expect(sent()).toEqual([
      [1, 10, false],
      [3, 8, true],
    ])
  })
})
