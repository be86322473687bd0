import type { TLSSocket } from 'node:tls'
import {
  contentOf,
  createFrameReader,
  defaultFrameSize,
  errorCode,
  flag,
  type Frame,
  frame,
} from './frames.ts'
import {
  frameHeaderSize,
  frameType,
  numberFrame,
  setting,
  settingsFrame,
  writeFrameHeader,
} from './frames.ts'
import { createHeaderDecoder } from './hpack/decoder.ts'
import { boundOf, createHeaderEncoder } from './hpack/encoder.ts'
import type { Field } from './hpack/table.ts'
import type { AnswerHeaders, Http2Request } from './request.ts'

/** How a stream ended; RFC 9113, 8.7 says which was certainly not processed. */
export type StreamEnd =
  | { kind: 'answered'; status: number; headers: AnswerHeaders; body: string }
  /** Refused before it was looked at, so another connection may take it. */
  | { kind: 'unprocessed' }
  | { kind: 'unknown'; reason: 'reset' | 'disconnected' }

export interface Stream {
  /** Takes it back: the peer may stop as well (RST_STREAM with CANCEL), and nothing more is heard of it. */
  cancel(): void
}

interface OpenStream extends Stream {
  id: number
  done: (end: StreamEnd) => void
  /** What of the request's body the peer has not made room for yet. */
  body: Buffer
  /** Octets of it that the peer is ready to take. */
  window: number
  headers: AnswerHeaders | undefined
  chunks: Buffer[]
  bytes: number
}

interface ConnectionOptions {
  authority: string
  /** The peer's SETTINGS have come, or others. */
  settings: () => void
  goneAway: (code: number, text: string) => void
  closed: (cause: Error | undefined) => void
}

const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
const defaultWindow = 65_535
const largestWindow = 2 ** 31 - 1
const lastStreamId = 2 ** 31 - 1
const maxAnswerBytes = 64 * 1024
/** Of one header block that comes in pieces. */
const maxBlockBytes = 64 * 1024
/** What the peer has not taken yet; it is sent answers to its PINGs and SETTINGS only up to here. */
const maxUntakenBytes = 16 * 1024 * 1024

/**
 * The client's side of HTTP/2 (RFC 9113) on a socket, for requests with a body of a few kilobytes, thousands a second:
 * frames of one turn of the event loop leave in one write. Stream for stream it tells what was answered, what was
 * certainly not processed, and what nobody knows. Requests are the caller's to bound, by `maxStreams`.
 */
export function openConnection(socket: TLSSocket, options: ConnectionOptions) {
  const streams = new Map<number, OpenStream>()
  const encoder = createHeaderEncoder()
  const decode = createHeaderDecoder()
  let nextId = 1
  let maxStreams: number | undefined
  let maxFrameSize = defaultFrameSize
  let streamWindow = defaultWindow
  let window = defaultWindow
  let taken = 0
  let closing = false
  let cause: Error | undefined
  let block: { streamId: number; flags: number; pieces: Buffer[]; bytes: number } | undefined
  /** Those whose bodies are to be sent, the oldest first. */
  let waiting: OpenStream[] = []
  let pings: (() => void)[] = []
  let out: Buffer[] = [preface, settingsFrame([[setting.enablePush, 0]])]
  let flushing: NodeJS.Immediate | undefined

  function write(...buffers: Buffer[]): void {
    out.push(...buffers)
    flushing ??= setImmediate(flush)
  }

  function flush(): void {
    flushing = undefined
    if (socket.destroyed) return
    const [first] = out
    if (first) socket.write(out.length === 1 ? first : Buffer.concat(out))
    out = []
    endIfDone()
  }

  function request({ method, path, headers, body }: Http2Request, done: (end: StreamEnd) => void): Stream {
    const fields: Field[] = [
      [':method', method],
      [':scheme', 'https'],
      [':authority', options.authority],
      [':path', path],
      ...Object.entries(headers),
    ]
    const bound = boundOf(fields)
    if (bound > defaultFrameSize) throw new Error('the header fields of a request are too large')
    const content = Buffer.from(body)
    const buffer = Buffer.allocUnsafe(frameHeaderSize + bound)
    const end = encoder.encode(fields, buffer, frameHeaderSize)
    const id = nextId
    nextId += 2
    const endStream = content.length === 0 ? flag.endStream : 0
    writeFrameHeader(buffer, 0, {
      length: end - frameHeaderSize,
      type: frameType.headers,
      flags: flag.endHeaders | endStream,
      streamId: id,
    })
    write(buffer.subarray(0, end))
    const stream: OpenStream = {
      id,
      done,
      body: content,
      window: streamWindow,
      headers: undefined,
      chunks: [],
      bytes: 0,
      cancel: () => cancel(stream),
    }
    streams.set(id, stream)
    if (content.length > 0 && waiting.push(stream) === 1) sendBodies()
    return stream
  }

  /** As much of the bodies as the peer is ready to take, the oldest first. */
  function sendBodies(): void {
    const stuck: OpenStream[] = []
    let next = 0
    while (next < waiting.length && window > 0) {
      const stream = waiting[next++]
      if (!stream || !streams.has(stream.id)) continue
      sendBody(stream)
      if (stream.body.length > 0) stuck.push(stream)
    }
    waiting = [...stuck, ...waiting.slice(next)]
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

  function cancel(stream: OpenStream): void {
    if (!streams.delete(stream.id)) return
    write(numberFrame({ type: frameType.rstStream, streamId: stream.id }, errorCode.cancel))
  }

  function finish(stream: OpenStream, end: StreamEnd): void {
    streams.delete(stream.id)
    stream.done(end)
    if (closing) endSoon()
  }

  /** Headers alone already say that a request was processed, and how. */
  function endOf(stream: OpenStream, otherwise: StreamEnd): StreamEnd {
    const { headers } = stream
    if (!headers) return otherwise
    const body = stream.chunks.length > 0 ? Buffer.concat(stream.chunks).toString('utf8') : ''
    return { kind: 'answered', status: headers[':status'] ?? 0, headers, body }
  }

  function onFrame(it: Frame): void {
    if (block && (it.type !== frameType.continuation || it.streamId !== block.streamId))
      throw new Error('a header block is interrupted')
    switch (it.type) {
      case frameType.data:
        return onData(it)
      case frameType.headers:
      case frameType.continuation:
        return onHeaders(it)
      case frameType.rstStream:
        return onReset(it)
      case frameType.settings:
        return onSettings(it)
      case frameType.ping:
        return onPing(it)
      case frameType.goaway:
        return onGoaway(it)
      case frameType.windowUpdate:
        return onWindowUpdate(it)
      case frameType.pushPromise:
        throw new Error('the peer pushes, which it was asked not to')
    }
  }

  function onData(it: Frame): void {
    makeRoom(it.payload.length)
    const stream = streams.get(it.streamId)
    if (!stream) return
    const content = contentOf(it)
    stream.bytes += content.length
    // The payload is a part of what is read next to.
    if (content.length > 0) stream.chunks.push(Buffer.from(content))
    if (it.flags & flag.endStream) return finishAnswered(stream)
    // No provider says as much; what has come will do.
    if (stream.bytes >= maxAnswerBytes) finishAnswered(stream, { isWhole: false })
  }

  /** The connection's window is kept open; a stream's holds all that we want to hear. */
  function makeRoom(bytes: number): void {
    taken += bytes
    if (taken < defaultWindow / 2) return
    write(numberFrame({ type: frameType.windowUpdate }, taken))
    taken = 0
  }

  function onHeaders(it: Frame): void {
    const piece = it.type === frameType.headers ? contentOf(it) : it.payload
    if (it.type === frameType.headers)
      block = { streamId: it.streamId, flags: it.flags, pieces: [], bytes: 0 }
    if (!block) throw new Error('a header block has no beginning')
    block.bytes += piece.length
    if (block.bytes > maxBlockBytes) throw new Error('a header block is too large')
    block.pieces.push(it.flags & flag.endHeaders ? piece : Buffer.from(piece))
    if (!(it.flags & flag.endHeaders)) return
    const { streamId, flags, pieces } = block
    block = undefined
    // Read in any case: later blocks refer to it.
    const fields = decode(pieces.length === 1 ? piece : Buffer.concat(pieces))
    const stream = streams.get(streamId)
    if (!stream) return
    // Trailers say nothing that is asked for, and neither do answers that are still to come.
    const headers = stream.headers ? undefined : toHeaders(fields)
    if (headers && (headers[':status'] ?? 0) >= 200) stream.headers = headers
    if (flags & flag.endStream) finishAnswered(stream)
  }

  function finishAnswered(stream: OpenStream, { isWhole = true } = {}): void {
    // What is left, of the answer or of the request, nobody needs.
    if (!isWhole || stream.body.length > 0) cancel(stream)
    finish(stream, endOf(stream, { kind: 'unknown', reason: 'reset' }))
  }

  function onReset({ streamId, payload }: Frame): void {
    const stream = streams.get(streamId)
    if (!stream) return
    const isRefused = payload.readUInt32BE() === errorCode.refusedStream
    finish(stream, endOf(stream, isRefused ? { kind: 'unprocessed' } : { kind: 'unknown', reason: 'reset' }))
  }

  function onSettings({ flags, payload }: Frame): void {
    if (flags & flag.ack) return
    for (let at = 0; at + 6 <= payload.length; at += 6) {
      const value = payload.readUInt32BE(at + 2)
      switch (payload.readUInt16BE(at)) {
        case setting.headerTableSize:
          encoder.resize(value)
          break
        case setting.maxConcurrentStreams:
          maxStreams = value
          break
        case setting.initialWindowSize:
          if (value > largestWindow) throw new Error('a window is too large')
          for (const stream of streams.values()) stream.window += value - streamWindow
          streamWindow = value
          break
        case setting.maxFrameSize:
          maxFrameSize = Math.min(Math.max(value, defaultFrameSize), 4 * defaultFrameSize)
      }
    }
    answer(frame({ type: frameType.settings, flags: flag.ack }, Buffer.alloc(0)))
    sendBodies()
    options.settings()
  }

  function onPing({ flags, payload }: Frame): void {
    if (!(flags & flag.ack)) return answer(frame({ type: frameType.ping, flags: flag.ack }, payload))
    const answered = pings
    pings = []
    for (const done of answered) done()
  }

  function answer(buffer: Buffer): void {
    if (socket.writableLength > maxUntakenBytes) throw new Error('the peer asks and does not listen')
    write(buffer)
  }

  function onGoaway({ payload }: Frame): void {
    const last = payload.readUInt32BE(0) & 0x7fffffff
    closing = true
    for (const stream of [...streams.values()].filter(({ id }) => id > last))
      finish(stream, { kind: 'unprocessed' })
    options.goneAway(payload.readUInt32BE(4), payload.toString('utf8', 8, 8 + 200))
    endSoon()
  }

  function onWindowUpdate({ streamId, payload }: Frame): void {
    const room = payload.readUInt32BE() & 0x7fffffff
    if (streamId === 0) window += room
    else {
      const stream = streams.get(streamId)
      if (stream) stream.window += room
    }
    if (window > largestWindow) throw new Error('a window is too large')
    sendBodies()
  }

  function endSoon(): void {
    if (streams.size === 0) flushing ??= setImmediate(flush)
  }

  function endIfDone(): void {
    if (!closing || streams.size > 0 || socket.writableEnded) return
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
    if (socket.alpnProtocol === 'h2') flush()
    else destroy(new Error('the peer does not speak HTTP/2'))
  })
  socket.on('error', (err) => {
    cause ??= err
  })
  // A peer that hangs up sends no more answers.
  socket.on('end', () => socket.destroy())
  socket.on('close', () => {
    clearImmediate(flushing)
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

function toHeaders(fields: Field[]): AnswerHeaders {
  const headers: Record<string, string | number> = Object.create(null)
  for (const [name, value] of fields) {
    const before = headers[name]
    if (name === ':status') headers[name] = Number(value)
    else headers[name] = before === undefined ? value : `${before}, ${value}`
  }
  return headers as AnswerHeaders
}
