/** RFC 9113, 6. */
export const frameType = {
  data: 0,
  headers: 1,
  rstStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const

export const flag = { ack: 0x1, endStream: 0x1, endHeaders: 0x4, padded: 0x8, priority: 0x20 } as const

export const setting = {
  headerTableSize: 1,
  enablePush: 2,
  maxConcurrentStreams: 3,
  initialWindowSize: 4,
  maxFrameSize: 5,
  maxHeaderListSize: 6,
} as const

/** RFC 9113, 7. */
export const errorCode = {
  none: 0x0,
  protocol: 0x1,
  flowControl: 0x3,
  refusedStream: 0x7,
  cancel: 0x8,
  compression: 0x9,
} as const

/** The largest frame a peer takes before its SETTINGS say otherwise, and the largest we take ever. */
export const defaultFrameSize = 16_384
/** What a peer takes of DATA before it says otherwise, on a stream and on the connection (RFC 9113, 6.9.2). */
export const defaultWindow = 65_535
export const frameHeaderSize = 9

export interface Frame {
  type: number
  flags: number
  streamId: number
  /** Valid until the next chunk is read. */
  payload: Buffer
}

/** Puts chunks of a connection together to frames. Throws on one that is too large, after which nothing can be read. */
export function createFrameReader(onFrame: (frame: Frame) => void): (chunk: Buffer) => void {
  let rest: Buffer | undefined

  return function read(chunk: Buffer): void {
    const buffer = rest ? Buffer.concat([rest, chunk]) : chunk
    let at = 0
    while (buffer.length - at >= frameHeaderSize) {
      const length = buffer.readUIntBE(at, 3)
      if (length > defaultFrameSize) throw new Error('a frame is too large')
      const end = at + frameHeaderSize + length
      if (buffer.length < end) break
      onFrame({
        type: buffer[at + 3] ?? 0,
        flags: buffer[at + 4] ?? 0,
        streamId: buffer.readUInt32BE(at + 5) & 0x7fffffff,
        payload: buffer.subarray(at + frameHeaderSize, end),
      })
      at = end
    }
    rest = at < buffer.length ? buffer.subarray(at) : undefined
  }
}

/** Writes the nine octets that precede a payload. */
export function writeFrameHeader(
  buffer: Buffer,
  at: number,
  {
    length,
    type,
    flags = 0,
    streamId = 0,
  }: { length: number; type: number; flags?: number; streamId?: number },
): number {
  buffer.writeUIntBE(length, at, 3)
  buffer[at + 3] = type
  buffer[at + 4] = flags
  return buffer.writeUInt32BE(streamId, at + 5)
}

export function frame(head: { type: number; flags?: number; streamId?: number }, payload: Buffer): Buffer {
  const buffer = Buffer.allocUnsafe(frameHeaderSize + payload.length)
  payload.copy(buffer, writeFrameHeader(buffer, 0, { ...head, length: payload.length }))
  return buffer
}

/** A payload of one number, as RST_STREAM and WINDOW_UPDATE have it. */
export function numberFrame(head: { type: number; streamId?: number }, value: number): Buffer {
  const payload = Buffer.allocUnsafe(4)
  payload.writeUInt32BE(value)
  return frame(head, payload)
}

export function settingsFrame(settings: readonly (readonly [id: number, value: number])[]): Buffer {
  const payload = Buffer.allocUnsafe(6 * settings.length)
  settings.forEach(([id, value], i) => {
    payload.writeUInt16BE(id, 6 * i)
    payload.writeUInt32BE(value, 6 * i + 2)
  })
  return frame({ type: frameType.settings }, payload)
}

/** The settings of a SETTINGS frame, in its order, which is theirs to be applied in (RFC 9113, 6.5.3). */
export function* settingsOf({ payload }: Frame): Generator<readonly [id: number, value: number]> {
  for (let at = 0; at + 6 <= payload.length; at += 6)
    yield [payload.readUInt16BE(at), payload.readUInt32BE(at + 2)]
}

/** What is between the padding and the priority that DATA and HEADERS may carry. Throws where these exceed it. */
export function contentOf({ type, flags, payload }: Frame): Buffer {
  const padding = flags & flag.padded ? (payload[0] ?? 0) : 0
  const from = (flags & flag.padded ? 1 : 0) + (type === frameType.headers && flags & flag.priority ? 5 : 0)
  if (from + padding > payload.length) throw new Error('a frame is all padding')
  return payload.subarray(from, payload.length - padding)
}
