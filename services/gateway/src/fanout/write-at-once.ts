import { textFrames } from './text-frames.ts'

interface Packet {
  data?: unknown
  options?: { wsPreEncodedFrame?: Buffer[] }
}

/** Of Engine.IO, over a connection of ws. */
export interface WebSocketTransport {
  writable: boolean
  perMessageDeflate: unknown
  supportsBinary: boolean
  socket?: { readyState: number; _socket?: { write(data: Buffer, done: (err?: Error | null) => void): void } }
  parser: { encodePacket(packet: Packet, binary: boolean, done: (encoded: unknown) => void): void }
  send: (this: WebSocketTransport, packets: Packet[]) => void
  _onSentLast: (err?: Error | null) => void
}

const isPatched = Symbol('writes at once')
const open = 1

/**
 * Gives a socket all packets of a flush in one write. Stock Engine.IO hands them to ws one by one, and each
 * becomes a buffer or two, a callback, and a place in the stream. What is not text, or compressed, and a
 * transport that is not as expected, go the stock way.
 */
export function writeAtOnce(transport: WebSocketTransport): void {
  const prototype = Object.getPrototypeOf(transport) as WebSocketTransport & { [isPatched]?: boolean }
  if (prototype[isPatched] || typeof transport._onSentLast !== 'function') return
  prototype[isPatched] = true
  const stockSend = prototype.send
  prototype.send = function send(packets) {
    const tcp = this.socket?.readyState === open ? this.socket._socket : undefined
    const bytes = tcp && !this.perMessageDeflate ? join(this, packets) : undefined
    if (!tcp || !bytes) return stockSend.call(this, packets)
    this.writable = false
    tcp.write(bytes, this._onSentLast)
  }
}

function join(transport: WebSocketTransport, packets: Packet[]): Buffer | undefined {
  const parts: Buffer[] = []
  for (const packet of packets) {
    const frame = packet.options?.wsPreEncodedFrame ?? encode(transport, packet)
    if (!frame) return undefined
    parts.push(...frame)
  }
  return parts.length === 1 ? parts[0] : Buffer.concat(parts)
}

/** Stock encoders call back before they return. */
function encode({ parser, supportsBinary }: WebSocketTransport, packet: Packet): Buffer[] | undefined {
  let frame: Buffer[] | undefined
  parser.encodePacket(packet, supportsBinary, (encoded) => {
    if (typeof encoded === 'string') frame = [textFrames([Buffer.from(encoded)])]
  })
  return frame
}
