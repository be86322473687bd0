import { contentOf, flag, type Frame, frameHeaderSize, frameType } from './frames.ts'
import { createHeaderDecoder } from './hpack/decoder.ts'
import type { Field } from './hpack/table.ts'

export interface HeaderBlock {
  streamId: number
  /** Those of the HEADERS frame it began with. */
  flags: number
  fields: Field[]
}

/** Of one header block with the headers of its frames, so that pieces without content end too. */
const maxBlockBytes = 64 * 1024

/**
 * Puts the header blocks of one connection together, each of a HEADERS frame and the CONTINUATION frames after it
 * (RFC 9113, 4.3 and 6.10). Every one is decoded, also those nobody waits for: later blocks refer to them.
 */
export function createHeaderBlockReader() {
  const decode = createHeaderDecoder()
  /** The HEADERS frame of a block that has not ended. */
  let begun: Omit<Frame, 'payload'> | undefined
  let pieces: Buffer[] = []
  let bytes = 0

  return {
    /** Throws on a frame that comes between the pieces of a block. To be asked about every frame. */
    admit({ type, streamId }: Frame): void {
      if (begun && (type !== frameType.continuation || streamId !== begun.streamId))
        throw new Error('a header block is interrupted')
    },
    /**
     * Takes HEADERS and CONTINUATION, and gives back the block with the last of its pieces. Throws on a block that has no
     * beginning, is too large or cannot be decoded.
     */
    read(it: Frame): HeaderBlock | undefined {
      const piece = it.type === frameType.headers ? contentOf(it) : it.payload
      if (it.type === frameType.headers) begun = it
      if (!begun) throw new Error('a header block has no beginning')
      bytes += frameHeaderSize + piece.length
      if (bytes > maxBlockBytes) throw new Error('a header block is too large')
      const isLast = (it.flags & flag.endHeaders) !== 0
      // The octets of a frame are valid until the next chunk is read.
      pieces.push(isLast ? piece : Buffer.from(piece))
      if (!isLast) return undefined
      const { streamId, flags } = begun
      const fields = decode(pieces.length === 1 ? piece : Buffer.concat(pieces))
      begun = undefined
      pieces = []
      bytes = 0
      return { streamId, flags, fields }
    },
  }
}
