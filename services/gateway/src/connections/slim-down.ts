import type { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import type { ChatSocket } from '../realtime.ts'

/** What Socket.IO, Engine.IO, ws and Node keep for each connection, as far as it is touched here. */
interface Internals extends Emitter {
  acks: Map<number, unknown>
  fns: unknown[]
  client: { decoder: { _callbacks?: Record<string, unknown[]> } }
  conn: Emitter & {
    cleanupFn: unknown[]
    transport: Emitter & { socket?: Emitter & { _socket?: Socket & Emitter } }
  }
}
type Emitter = EventEmitter & { _events?: object }

/**
 * Takes from a new connection what it was given room for and does not use: a tenth of what an idle one takes. Each
 * part works on as before, whatever is added to it later. Where the libraries are not as expected, nothing happens.
 */
export function slimDown(socket: ChatSocket): void {
  const internals = socket as unknown as Internals
  const { conn, client } = internals
  const webSocket = conn.transport.socket
  const tcp = webSocket?._socket
  packOf.socket(internals)
  packOf.conn(conn)
  packOf.transport(conn.transport)
  if (webSocket) packOf.webSocket(webSocket)
  if (tcp) {
    packOf.tcp(tcp)
    forgetTimer(tcp)
  }
  if (internals.acks?.size === 0) internals.acks = noAcks
  if (Array.isArray(internals.fns)) internals.fns = [...internals.fns]
  if (Array.isArray(conn.cleanupFn)) conn.cleanupFn = [...conn.cleanupFn]
  const callbacks = client.decoder?._callbacks
  if (callbacks) for (const name of Object.keys(callbacks)) callbacks[name] = [...(callbacks[name] ?? [])]
}

/** By kind, since V8 gives all objects of a class the room that the largest of them takes. */
const packOf = {
  socket: createPacker(),
  conn: createPacker(),
  transport: createPacker(),
  webSocket: createPacker(),
  tcp: createPacker(),
}

/** Node keeps listeners in `{ __proto__: null }`, of which V8 makes a hash table. An object of a class without any names is one too, and small. */
function createPacker() {
  class Listeners {}
  Object.setPrototypeOf(Listeners.prototype, null)
  Reflect.deleteProperty(Listeners.prototype, 'constructor')
  return (emitter: Emitter): void => {
    if (typeof emitter._events === 'object') emitter._events = Object.assign(new Listeners(), emitter._events)
  }
}

/** One for all sockets: this server asks clients for no acknowledgements. */
const noAcks = new Map<number, never>()
noAcks.set = () => {
  throw new Error('sockets are asked for no acknowledgements')
}

/** The timer of the HTTP server, which ws has ended and the socket holds on to. */
function forgetTimer(tcp: Socket): void {
  timerOf ??= Object.getOwnPropertySymbols(tcp).find(({ description }) => description === 'timeout')
  if (timerOf && tcp.timeout === 0) Object.assign(tcp, { [timerOf]: null })
}
let timerOf: symbol | undefined
