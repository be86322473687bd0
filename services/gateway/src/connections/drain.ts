import { setTimeout as wait } from 'node:timers/promises'
import { closeCodes } from '@parley/shared/protocol'
import type { ChatSocket } from '../realtime.ts'
import { closeSocket } from './close-socket.ts'
import type { Registry } from './registry.ts'
import type { ReturnTickets } from './return-ticket.ts'

const slices = 20
/** Everybody is to be back and to have everything within 5 s; the last half of one is for the way and the work. */
const shortestWindowMs = 4_500
/** Nobody is to be away for 20 s. */
const longestWindowMs = 15_000
/** What the other nodes can be expected to take together: half of what one gateway has been seen to (docs/performance.md). */
const returnsPerSecond = 500
const answerWithinMs = 5_000
const closedWithinMs = 2_000
/** Leaves those who came late time to be closed. */
const lateAnswerWithinMs = 1_000

/**
 * Sends everybody elsewhere: in slices over the given time, in random order, each told a moment of its own to
 * come back at and given a ticket for it, so that the other nodes meet a stream and not a wave. A socket with a request in hand is closed
 * after its answer. Whoever comes in meanwhile follows at the end.
 */
export async function drain(
  registry: Registry,
  { drainMs, tickets }: { drainMs: number; tickets: ReturnTickets },
): Promise<void> {
  const sockets = shuffle([...registry.sockets()])
  const perSlice = Math.ceil(sockets.length / slices)
  const pauseMs = drainMs / slices
  const windowMs = windowFor(sockets.length, drainMs)
  const sent = new WeakSet<ChatSocket>()

  async function send(slice: ChatSocket[], withinMs: number): Promise<void> {
    await Promise.race([Promise.all(slice.map(idle)), wait(withinMs)])
    for (const socket of slice) {
      sent.add(socket)
      if (!socket.connected) continue
      const { code, reason, reconnectAfterMs } = drained(windowMs)
      const returnTicket = tickets.issue(socket.data.identity.sessionId, reconnectAfterMs)
      socket.emit('session:draining', { reconnectAfterMs, returnTicket })
      closeSocket(socket, code, reason)
    }
  }

  for (let i = 0; i < sockets.length; i += perSlice) {
    await send(sockets.slice(i, i + perSlice), answerWithinMs)
    if (i + perSlice < sockets.length) await wait(pauseMs)
  }
  // What follows a drain ends the sockets that are left in a way that tells their clients not to come back.
  const deadline = Date.now() + closedWithinMs
  while (registry.connections > 0 && Date.now() < deadline) {
    const late = [...registry.sockets()].filter((socket) => !sent.has(socket))
    if (late.length > 0) await send(late, lateAnswerWithinMs)
    else await wait(10)
  }
}

/** How a connection ends with its node: to come back at a moment of its own. */
export const drained = (windowMs = shortestWindowMs) => ({
  code: closeCodes.draining,
  reason: 'draining',
  reconnectAfterMs: Math.floor(Math.random() * windowMs),
})

/** A drain that is too short for its sockets leaves the spreading to the moments it gives them. */
export function windowFor(sockets: number, drainMs: number): number {
  const neededMs = (sockets / returnsPerSecond) * 1_000 - drainMs
  return Math.min(Math.max(neededMs, shortestWindowMs), longestWindowMs)
}

async function idle(socket: ChatSocket): Promise<void> {
  while (socket.connected && socket.data.inFlight > 0) await wait(20)
}

function shuffle<T>(items: T[]): T[] {
  return items
    .map((item) => ({ item, at: Math.random() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ item }) => item)
}
