import type { UserId } from '@parley/shared/ids'

/**
 * Stands before an event between gateways that may be left out: by a node under load, for a socket that is behind,
 * and for the sockets of whoever caused it. `~<user> <event>`; no user id holds a space.
 */
export const droppableMark = '~'

export const encodeDroppable = (causedBy: UserId, event: string) => `${droppableMark}${causedBy} ${event}`

export function decodeDroppable(message: Buffer): { causedBy: string; event: Buffer } {
  const nameEnds = message.indexOf(0x20)
  return { causedBy: message.toString('latin1', 1, nameEnds), event: message.subarray(nameEnds + 1) }
}
