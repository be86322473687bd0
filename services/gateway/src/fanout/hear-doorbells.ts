import { decodeEvent, decodeTraced, roomOfChannel, splitEvents, tracedMark } from '@parley/shared/realtime'
import type { Tracing } from '@parley/shared/tracing'
import type { Namespace } from 'socket.io'
import type { Adapter } from 'socket.io-adapter'
import { noticeMark } from '../connections/twins.ts'
import type { ChatSocket } from '../realtime.ts'
import { decodeDroppable, droppableMark } from './droppable.ts'
import type { FanoutMetrics } from './fanout-metrics.ts'
import { isCutOff } from './slow-readers.ts'
import { storedAt } from './stored-at.ts'
import { textFrames } from './text-frames.ts'

/** Every encoded Socket.IO event begins with 42; the adapter's own messages begin with `{` or are MessagePack. */
const firstByteOfEvent = 0x34
const firstByteOfNotice = noticeMark.charCodeAt(0)
const firstByteOfDroppable = droppableMark.charCodeAt(0)
const firstByteOfTraced = tracedMark.charCodeAt(0)
/** A socket with more packets than this waiting has better things to read. */
const droppableBehind = 32

/** An event of a room, for whoever is in it without a socket. */
export type Heard = ReturnType<typeof decodeEvent>

interface HearOptions {
  metrics: FanoutMetrics
  tracing: Tracing | undefined
  /** What another gateway says on the channel of a user who is here. */
  onNotice: (notice: string) => void
  /** Tells a member of a room that has no socket; those with one are told here. */
  tell: (memberId: string, heard: Heard) => void
  /** Whether what may be left out is left out now. */
  sheds: () => boolean
}

interface ShardedAdapter extends Adapter {
  onRawMessage(message: Buffer, channel: Buffer): void
}

/**
 * Lets doorbells through the adapter without taking them apart: what messages publishes to a room's channel is
 * the text a client gets, or several of them, so a gateway makes WebSocket frames of it once and writes those to
 * each socket of the room. Everything else goes the adapter's own way.
 */
export function hearDoorbells(
  adapter: Adapter,
  nsp: Namespace,
  { metrics, tracing, onNotice, tell, sheds }: HearOptions,
): void {
  const sharded = adapter as ShardedAdapter
  const stock = sharded.onRawMessage.bind(sharded)
  sharded.onRawMessage = (message, channel) => {
    if (message[0] === firstByteOfEvent) return void ring(message, channel)
    if (message[0] === firstByteOfTraced) return ringTraced(message, channel)
    if (message[0] === firstByteOfNotice) return onNotice(message.toString())
    if (message[0] !== firstByteOfDroppable) return stock(message, channel)
    if (sheds()) return
    const { causedBy, event } = decodeDroppable(message)
    ring(event, channel, causedBy)
  }

  function ringTraced(message: Buffer, channel: Buffer): void {
    const { traceparent, event } = decodeTraced(message)
    const span = tracing?.follow(traceparent, 'emit', { kind: 'consumer' })
    const sockets = ring(event, channel)
    span?.set({ 'parley.sockets': sockets })
    span?.end()
  }

  /** `causedBy` marks an event that its own author does not hear, nor a socket that is behind. Returns to how many sockets it was written. */
  function ring(message: Buffer, channel: Buffer, causedBy?: string): number {
    const sids = adapter.rooms.get(roomOfChannel(channel.toString()))
    if (sids === undefined) return 0
    let written = 0
    const events = splitEvents(message)
    // All of them are one packet to Engine.IO, whose text nobody reads.
    const frames = preEncoded(textFrames(events))
    let heard: Heard[] | undefined
    for (const sid of sids) {
      const socket = nsp.sockets.get(sid) as ChatSocket | undefined
      if (!socket) {
        heard ??= events.map(decodeEvent)
        for (const event of heard) tell(sid, event)
        continue
      }
      if (causedBy !== undefined && isLeftOut(socket, causedBy)) continue
      const { conn } = socket
      if (conn.readyState !== 'open' || isCutOff(conn)) continue
      if (conn.transport.name === 'websocket') conn.write('2', frames)
      else for (const event of events) writeToPolling(conn, event)
      written++
    }
    for (const event of events) {
      const storedMs = storedAt(event)
      if (storedMs !== undefined) metrics.delivery.observe(Math.max(0, Date.now() - storedMs) / 1_000)
    }
    return written
  }
}

/** Polling takes the text, without the 4 that Engine.IO puts before it. A socket that meanwhile became a WebSocket takes the frame. */
function writeToPolling(conn: ChatSocket['conn'], event: Buffer): void {
  conn.write(event.toString('utf8', 1), preEncoded(textFrames([event])))
}

const preEncoded = (frame: Buffer) =>
  ({ preEncoded: true, compress: false, wsPreEncodedFrame: [frame] }) as never

function isLeftOut({ data, conn }: ChatSocket, causedBy: string): boolean {
  const queue = (conn as unknown as { writeBuffer: unknown[] }).writeBuffer
  return data.identity.userId === causedBy || queue.length > droppableBehind
}
