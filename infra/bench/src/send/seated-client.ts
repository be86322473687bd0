import { openRawClient } from '../raw-client.ts'
import type { Seat } from './contender.ts'
import { dueMark } from './due-mark.ts'

/** One of those who send and hear. */
export interface SeatedClient {
  group: number
  /** Its number among all clients. */
  place: number
  /** How many entries it has heard, ever. */
  heard: number
  unanswered: number
  /** Sends a message that is due at this moment of `performance.now()`. */
  send: (dueAt: number) => void
  /** Says what it has heard, if there is anything new. */
  acknowledge: () => void
  close: () => void
}

interface SeatedClientOptions {
  seat: Seat
  place: number
  onAnswer: (client: SeatedClient, dueAt: number, ok: boolean) => void
  onHeard: (client: SeatedClient, eventText: string) => void
  /** A connection ended that nobody closed. */
  onLost: (why: string) => void
}

/** Takes a seat: resolves when the contender has let it in. */
export async function sit({
  seat,
  place,
  onAnswer,
  onHeard,
  onLost,
}: SeatedClientOptions): Promise<SeatedClient> {
  const due = new Map<number, number>()
  let n = 0
  let lastEvent: string | undefined
  let isClosed = false
  const raw = await openRawClient({
    url: seat.url,
    authJson: seat.authJson,
    onAck(id, text) {
      const dueAt = due.get(id)
      if (dueAt === undefined) return
      due.delete(id)
      client.unanswered--
      onAnswer(client, dueAt, text.includes('"ok":true'))
    },
    onEvent(text) {
      if (!text.startsWith('42["entry:new"') && !text.startsWith('42["message"')) return
      client.heard++
      lastEvent = text
      onHeard(client, text)
    },
    onClosed(why) {
      if (!isClosed) onLost(why)
    },
  })
  const client: SeatedClient = {
    group: seat.group,
    place,
    heard: 0,
    unanswered: 0,
    send(dueAt) {
      const id = ++n
      due.set(id, dueAt)
      client.unanswered++
      raw.emit(id, seat.event, seat.payload(dueMark(id, dueAt)))
    },
    acknowledge() {
      const receipt = lastEvent === undefined ? undefined : seat.receipt?.(lastEvent)
      lastEvent = undefined
      // An id that no send uses, so that the answer is nobody's.
      if (receipt) raw.emit(0, receipt.event, receipt.payload)
    },
    close() {
      isClosed = true
      raw.close()
    },
  }
  return client
}
