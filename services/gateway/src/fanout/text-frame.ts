/**
 * A whole, unmasked WebSocket text frame (RFC 6455, 5.2) in one buffer. ws would make two of it, header and
 * payload, and so two writes.
 */
export function textFrame(payload: Buffer): Buffer {
  const { length } = payload
  const headerBytes = length < 126 ? 2 : length < 65_536 ? 4 : 10
  const frame = Buffer.allocUnsafe(headerBytes + length)
  frame[0] = 0x81
  if (headerBytes === 2) frame[1] = length
  else if (headerBytes === 4) {
    frame[1] = 126
    frame.writeUInt16BE(length, 2)
  } else {
    frame[1] = 127
    frame.writeBigUInt64BE(BigInt(length), 2)
  }
  payload.copy(frame, headerBytes)
  return frame
}
