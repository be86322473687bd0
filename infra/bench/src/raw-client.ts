import { connect, type Socket } from 'node:net'

export interface RawClient {
  /** Sends an event that asks for an acknowledgement; `id` comes back with it. */
  emit: (id: number, event: string, payloadJson: string) => void
  close: () => void
}

interface RawClientOptions {
  url: string
  authJson: string
  onAck: (id: number, text: string) => void
  onEvent: (text: string) => void
  onClosed: (why: string) => void
}

/** A handshake that was answered with no. */
export class Refused extends Error {
  override name = 'Refused'
  /** When the server wants to be asked again. */
  readonly retryAfterMs: number | undefined

  constructor(packetText: string) {
    super(`refused: ${packetText.slice(0, 200)}`)
    this.retryAfterMs = Number(/"retryAfterMs":(\d+)/.exec(packetText)?.[1]) || undefined
  }
}

/**
 * A Socket.IO client made of a bare TCP socket and hand-written frames, so that what is measured is the server and
 * not the client. Resolves when the server has accepted the connection.
 */
export function openRawClient({
  url,
  authJson,
  onAck,
  onEvent,
  onClosed,
}: RawClientOptions): Promise<RawClient> {
  const { hostname, port } = new URL(url)
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port) })
    let pending: Buffer = Buffer.alloc(0)
    let upgraded = false
    socket.setNoDelay(true)
    socket.on('connect', () => socket.write(upgradeRequest(hostname, port)))
    socket.on('error', reject)
    socket.on('close', () => {
      reject(new Error('closed before it was let in'))
      onClosed(socket.errored?.message ?? 'closed')
    })
    socket.on('data', (chunk: Buffer) => {
      pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk])
      if (!upgraded) {
        const end = pending.indexOf('\r\n\r\n')
        if (end < 0) return
        if (!pending.toString('latin1', 0, 12).endsWith('101'))
          return reject(new Error(`upgrade refused: ${pending.toString('latin1', 0, 60)}`))
        upgraded = true
        pending = pending.subarray(end + 4)
        write(socket, `40${authJson}`)
      }
      pending = readFrames(pending, take, () => socket.end())
    })

    function take(text: string): void {
      const kind = text.charCodeAt(1)
      if (text.charCodeAt(0) === packet.ping) return write(socket, '3')
      if (text.charCodeAt(0) !== packet.message) return
      if (kind === packet.event) return onEvent(text)
      if (kind === packet.ack) {
        const bracket = text.indexOf('[')
        return onAck(Number(text.slice(2, bracket)), text)
      }
      if (kind === packet.connect) {
        return resolve({
          emit: (id, event, payloadJson) => write(socket, `42${id}["${event}",${payloadJson}]`),
          close: () => socket.destroy(),
        })
      }
      reject(new Refused(text))
      socket.destroy()
    }
  })
}

/** Engine.IO and Socket.IO packet types, as the characters they are on the wire. */
const packet = { ping: 0x32, message: 0x34, connect: 0x30, event: 0x32, ack: 0x33 }

function upgradeRequest(host: string, port: string): string {
  return [
    'GET /socket.io/?EIO=4&transport=websocket HTTP/1.1',
    `Host: ${host}:${port}`,
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    '\r\n',
  ].join('\r\n')
}

/** A masked text frame (RFC 6455, 5.3) whose mask is zero, so that masking costs nothing. */
function write(socket: Socket, text: string): void {
  const length = Buffer.byteLength(text)
  const headerBytes = length < 126 ? 6 : 8
  const frame = Buffer.allocUnsafe(headerBytes + length)
  frame[0] = 0x81
  if (length < 126) frame[1] = 0x80 | length
  else {
    frame[1] = 0x80 | 126
    frame.writeUInt16BE(length, 2)
  }
  frame.fill(0, headerBytes - 4, headerBytes)
  frame.write(text, headerBytes)
  socket.write(frame)
}

/** Hands on each whole frame's text and returns what is left of an unfinished one. A server that closes waits for the answer. */
function readFrames(buffer: Buffer, take: (text: string) => void, close: () => void): Buffer {
  let at = 0
  while (buffer.length - at >= 2) {
    const short = (buffer[at + 1] ?? 0) & 0x7f
    const headerBytes = short < 126 ? 2 : short === 126 ? 4 : 10
    if (buffer.length - at < headerBytes) break
    const length =
      short < 126
        ? short
        : short === 126
          ? buffer.readUInt16BE(at + 2)
          : Number(buffer.readBigUInt64BE(at + 2))
    if (buffer.length - at < headerBytes + length) break
    const opcode = (buffer[at] ?? 0) & 0x0f
    if (opcode === 8) close()
    if (opcode === 1) take(buffer.toString('latin1', at + headerBytes, at + headerBytes + length))
    at += headerBytes + length
  }
  return buffer.subarray(at)
}
