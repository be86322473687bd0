import type { Server } from 'socket.io'

/** A client asks once, and again on the same connection where it was refused and has a better token. */
const maxConnects = 10
/** How the text of a packet begins that asks to be let into a namespace. */
const connectPacket = '0'

interface Decoder {
  add(packet: unknown): void
}
interface Parser {
  Decoder: new (options?: object) => Decoder
}

/**
 * Bounds how often one connection may ask to be let in: each time is a handshake, and nobody who is not in is held to a
 * rate. Socket.IO closes a connection whose packets cannot be decoded. Where it is not as expected, nothing is bounded.
 */
export function boundConnects(io: Server): void {
  const internals = io as unknown as { _parser?: Parser }
  const parser = internals._parser
  if (typeof parser?.Decoder?.prototype.add !== 'function') return
  class BoundedDecoder extends parser.Decoder {
    private connects = 0

    override add(packet: unknown): void {
      if (typeof packet === 'string' && packet.startsWith(connectPacket) && ++this.connects > maxConnects)
        throw new Error('too many handshakes on one connection')
      super.add(packet)
    }
  }
  internals._parser = { ...parser, Decoder: BoundedDecoder }
}
