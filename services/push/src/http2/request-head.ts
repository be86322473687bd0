import { defaultFrameSize, flag, frameHeaderSize, frameType, writeFrameHeader } from './frames.ts'
import { boundOf, createHeaderEncoder } from './hpack/encoder.ts'
import type { Field } from './hpack/table.ts'
import type { Http2Request } from './request.ts'

/** Puts the heads of the requests of one connection into frames, each of which may refer to those before it. */
export function createRequestHeads(authority: string) {
  const encoder = createHeaderEncoder()

  return {
    /** The peer's SETTINGS_HEADER_TABLE_SIZE. */
    resize(to: number): void {
      encoder.resize(to)
    },
    /**
     * The HEADERS frame of a request (RFC 9113, 8.3.1). Frames have to leave in the order they are asked for. Throws on
     * fields that may not be sent or that one frame may not hold; the next one is asked for as if nothing had been.
     */
    frame({ method, path, headers }: Http2Request, streamId: number, hasBody: boolean): Buffer {
      const fields: Field[] = [
        [':method', method],
        [':scheme', 'https'],
        [':authority', authority],
        [':path', path],
        ...Object.entries(headers),
      ]
      const bound = boundOf(fields)
      if (bound > defaultFrameSize) throw new Error('the header fields of a request are too large')
      const buffer = Buffer.allocUnsafe(frameHeaderSize + bound)
      const end = encoder.encode(fields, buffer, frameHeaderSize)
      writeFrameHeader(buffer, 0, {
        length: end - frameHeaderSize,
        type: frameType.headers,
        flags: flag.endHeaders | (hasBody ? 0 : flag.endStream),
        streamId,
      })
      return buffer.subarray(0, end)
    },
  }
}
