import type { TLSSocket } from 'node:tls'
import { createFrameWriter } from './frame-writer.ts'
import {
  createFrameReader,
  errorCode,
  flag,
  type Frame,
  frame,
  frameType,
  numberFrame,
  setting,
  settingsOf,
} from './frames.ts'
import { createHeaderBlockReader } from './header-blocks.ts'
import { createIncomingAnswers } from './incoming-answers.ts'
import { createOutgoingBodies } from './outgoing-bodies.ts'
import { createRequestHeads } from './request-head.ts'
import type { Http2Request } from './request.ts'
import { endOf, type OpenStream, type Stream, type StreamEnd } from './stream.ts'

interface ConnectionOptions {
  authority: string
  /** The peer's SETTINGS have come, or others. */
  settings: () => void
  goneAway: (code: number, text: string) => void
  closed: (cause: Error | undefined) => void
}

const lastStreamId = 2 ** 31 - 1

/**
 * The client's side of HTTP/2 (RFC 9113) on a socket, for requests with a body of a few kilobytes, thousands a second:
 * frames of one turn of the event loop leave in one write. Stream for stream it tells what was answered, what was
 * certainly not processed, and what nobody knows. Requests are the caller's to bound, by `maxStreams`.
 */
export function openConnection(socket: TLSSocket, options: ConnectionOptions) {
  const streams = new Map<number, OpenStream>()
  const writer = createFrameWriter(socket, endIfDone)
  const { write } = writer
  const heads = createRequestHeads(options.authority)
  const bodies = createOutgoingBodies(streams, write)
  const headerBlocks = createHeaderBlockReader()
  const answers = createIncomingAnswers({ streams, write, cancel, finish })
  let nextId = 1
  let maxStreams: number | undefined
  let closing = false
  let cause: Error | undefined
  let pings: (() => void)[] = []

  function request(asked: Http2Request, done: (end: StreamEnd) => void): Stream {
    const body = Buffer.from(asked.body)
    const id = nextId
    write(heads.frame(asked, id, body.length > 0))
    nextId += 2
    const stream: OpenStream = {
      id,
      done,
      body,
      window: bodies.streamWindow,
      headers: undefined,
      chunks: [],
      bytes: 0,
      cancel: () => cancel(stream),
    }
    streams.set(id, stream)
    bodies.add(stream)
    return stream
  }

  function cancel(stream: OpenStream): void {
    if (!streams.delete(stream.id)) return
    bodies.drop(stream)
    write(numberFrame({ type: frameType.rstStream, streamId: stream.id }, errorCode.cancel))
  }

  function finish(stream: OpenStream, end: StreamEnd): void {
    streams.delete(stream.id)
    bodies.drop(stream)
    stream.done(end)
    if (closing) endSoon()
  }

  function onFrame(it: Frame): void {
    headerBlocks.admit(it)
    switch (it.type) {
      case frameType.data:
        return answers.onData(it)
      case frameType.headers:
      case frameType.continuation:
        return onHeaders(it)
      case frameType.rstStream:
        return answers.onReset(it)
      case frameType.settings:
        return onSettings(it)
      case frameType.ping:
        return onPing(it)
      case frameType.goaway:
        return onGoaway(it)
      case frameType.windowUpdate:
        return bodies.widen(it)
      case frameType.pushPromise:
        throw new Error('the peer pushes, which it was asked not to')
    }
  }

  function onHeaders(it: Frame): void {
    const block = headerBlocks.read(it)
    if (block) answers.onHeaders(block)
  }

  function onSettings(it: Frame): void {
    if (it.flags & flag.ack) return
    for (const [id, value] of settingsOf(it)) apply(id, value)
    writer.answer(frame({ type: frameType.settings, flags: flag.ack }, Buffer.alloc(0)))
    bodies.send()
    options.settings()
  }

  function apply(id: number, value: number): void {
    switch (id) {
      case setting.headerTableSize:
        return heads.resize(value)
      case setting.maxConcurrentStreams:
        maxStreams = value
        return
      case setting.initialWindowSize:
        return bodies.resizeStreamWindows(value)
      case setting.maxFrameSize:
        return bodies.resizeFrames(value)
    }
  }

  function onPing({ flags, payload }: Frame): void {
    if (!(flags & flag.ack)) return writer.answer(frame({ type: frameType.ping, flags: flag.ack }, payload))
    const answered = pings
    pings = []
    for (const done of answered) done()
  }

  function onGoaway({ payload }: Frame): void {
    const last = payload.readUInt32BE(0) & 0x7fffffff
    closing = true
    for (const stream of [...streams.values()].filter(({ id }) => id > last))
      finish(stream, { kind: 'unprocessed' })
    options.goneAway(payload.readUInt32BE(4), payload.toString('utf8', 8, 8 + 200))
    endSoon()
  }

  function endSoon(): void {
    if (streams.size === 0) writer.flushSoon()
  }

  function endIfDone(): void {
    if (!closing || streams.size > 0) return
    const payload = Buffer.alloc(8)
    socket.end(frame({ type: frameType.goaway }, payload))
  }

  function destroy(err: Error): void {
    cause ??= err
    socket.destroy()
  }

  const read = createFrameReader(onFrame)
  socket.on('data', (chunk: Buffer) => {
    try {
      read(chunk)
    } catch (err) {
      destroy(err instanceof Error ? err : new Error('a frame cannot be read'))
    }
  })
  socket.once('secureConnect', () => {
    if (socket.alpnProtocol === 'h2') writer.flush()
    else destroy(new Error('the peer does not speak HTTP/2'))
  })
  socket.on('error', (err) => {
    cause ??= err
  })
  // A peer that hangs up sends no more answers.
  socket.on('end', () => socket.destroy())
  socket.on('close', () => {
    writer[Symbol.dispose]()
    closing = true
    for (const stream of streams.values()) {
      streams.delete(stream.id)
      stream.done(endOf(stream, { kind: 'unknown', reason: 'disconnected' }))
    }
    options.closed(cause)
  })

  return {
    /** Streams the peer allows at once; undefined until it says so, or if it sets no limit. */
    get maxStreams(): number | undefined {
      return maxStreams
    },
    /** Whether it takes requests. */
    get isOpen(): boolean {
      return !closing && !socket.destroyed && nextId <= lastStreamId
    },
    /** Calls back once, in a later turn, unless it is cancelled. Throws on what cannot be put into frames. */
    request,
    /** Calls back when the peer answers, or never. */
    ping(done: () => void): void {
      if (socket.destroyed) return
      pings.push(done)
      write(frame({ type: frameType.ping }, Buffer.alloc(8)))
    },
    /** Takes no more requests, lets those it has finish, and ends. */
    close(): void {
      closing = true
      endSoon()
    },
    /** Cuts it; what is in flight becomes unknown. */
    destroy,
  }
}

export type Connection = ReturnType<typeof openConnection>
