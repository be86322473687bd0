/**
 * Whole, unmasked WebSocket text frames (RFC 6455, 5.2), one for each text, in one buffer: one write, where ws would
 * make two of each, header and payload.
 */
export function textFrames(texts: Buffer[]): Buffer {
  const frames = Buffer.allocUnsafe(texts.reduce((sum, { length }) => sum + headerBytes(length) + length, 0))
  let at = 0
  for (const text of texts) {
    at = writeHeader(frames, at, text.length)
    at += text.copy(frames, at)
  }
  return frames
}

const headerBytes = (length: number) => (length < 126 ? 2 : length < 65_536 ? 4 : 10)

/** Returns where the payload goes. */
function writeHeader(frame: Buffer, at: number, length: number): number {
  frame[at] = 0x81
  if (length < 126) frame[at + 1] = length
  else if (length < 65_536) {
    frame[at + 1] = 126
    frame.writeUInt16BE(length, at + 2)
  } else {
    frame[at + 1] = 127
    frame.writeBigUInt64BE(BigInt(length), at + 2)
  }
  return at + headerBytes(length)
}
