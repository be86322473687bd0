import { clusterChannel, gatewayOrders, roomOfChannel } from '@parley/shared/realtime'
import type { Listeners } from '../listeners/listeners.ts'
import type { ChatServer } from '../realtime.ts'

/** Doorbells that were missed are asked for within this time, each client at its own moment. */
const withinMs = 5_000

/**
 * Lets those look for themselves who may have missed what was said on these channels. Of lost orders everybody without
 * a socket may have missed one; sockets are put right by `startRoomRenewal`.
 */
export function tellStale(
  channels: ReadonlySet<string>,
  { io, listeners }: { io: ChatServer; listeners: Pick<Listeners, 'wake'> },
): void {
  const rooms = new Set(
    [...channels].flatMap((channel) => (channel.startsWith(clusterChannel) ? roomOfChannel(channel) : [])),
  )
  // To no room would be to everybody.
  if (rooms.size > 0) io.local.to([...rooms]).emit('log:stale', { withinMs })
  listeners.wake(channels.has(gatewayOrders) ? 'all' : rooms, { withinMs })
}
