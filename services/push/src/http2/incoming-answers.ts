import { contentOf, defaultWindow, errorCode, flag, type Frame, frameType, numberFrame } from './frames.ts'
import type { HeaderBlock } from './header-blocks.ts'
import type { Field } from './hpack/table.ts'
import type { AnswerHeaders } from './request.ts'
import { endOf, type OpenStream, type StreamEnd } from './stream.ts'

interface IncomingAnswersOptions {
  streams: ReadonlyMap<number, OpenStream>
  write: (buffer: Buffer) => void
  cancel: (stream: OpenStream) => void
  finish: (stream: OpenStream, end: StreamEnd) => void
}

/** No provider says as much. Well below the window of a stream, which also pays for padding and is not widened. */
const maxAnswerBytes = defaultWindow >> 1

/**
 * Collects what comes on streams and finishes them when they are answered (RFC 9113, 8.1) or reset. What comes on a
 * stream that is not in `streams` any more only makes room for more.
 */
export function createIncomingAnswers({ streams, write, cancel, finish }: IncomingAnswersOptions) {
  /** Octets of DATA that the peer has not been told are taken. */
  let taken = 0

  /** The connection's window is kept open; a stream's holds all that we want to hear. */
  function makeRoom(bytes: number): void {
    taken += bytes
    if (taken < defaultWindow / 2) return
    write(numberFrame({ type: frameType.windowUpdate }, taken))
    taken = 0
  }

  function finishAnswered(stream: OpenStream, { isWhole = true } = {}): void {
    // What is left, of the answer or of the request, nobody needs.
    if (!isWhole || stream.body.length > 0) cancel(stream)
    finish(stream, endOf(stream, { kind: 'unknown', reason: 'reset' }))
  }

  return {
    onHeaders({ streamId, flags, fields }: HeaderBlock): void {
      const stream = streams.get(streamId)
      if (!stream) return
      // Trailers say nothing that is asked for, and neither do answers that are still to come.
      const headers = stream.headers ? undefined : toHeaders(fields)
      if (headers && (headers[':status'] ?? 0) >= 200) stream.headers = headers
      if (flags & flag.endStream) finishAnswered(stream)
    },
    /** Throws on a frame whose padding exceeds it. */
    onData(it: Frame): void {
      makeRoom(it.payload.length)
      const stream = streams.get(it.streamId)
      if (!stream) return
      const content = contentOf(it)
      stream.bytes += content.length
      // A copy: the octets of a frame are valid only until the next chunk is read.
      if (content.length > 0) stream.chunks.push(Buffer.from(content))
      if (it.flags & flag.endStream) return finishAnswered(stream)
      // What has come will do.
      if (stream.bytes >= maxAnswerBytes) finishAnswered(stream, { isWhole: false })
    },
    /** Throws on a RST_STREAM that gives no reason. */
    onReset({ streamId, payload }: Frame): void {
      const stream = streams.get(streamId)
      if (!stream) return
      const isRefused = payload.readUInt32BE() === errorCode.refusedStream
      finish(
        stream,
        endOf(stream, isRefused ? { kind: 'unprocessed' } : { kind: 'unknown', reason: 'reset' }),
      )
    },
  }
}

function toHeaders(fields: Field[]): AnswerHeaders {
  const headers: Record<string, string | number> = Object.create(null)
  for (const [name, value] of fields) {
    const before = headers[name]
    if (name === ':status') headers[name] = Number(value)
    else headers[name] = before === undefined ? value : `${before}, ${value}`
  }
  return headers as AnswerHeaders
}
