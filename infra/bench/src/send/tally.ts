import { dueOf } from './due-mark.ts'
import { createLatencies } from './latencies.ts'
import type { SeatedClient } from './seated-client.ts'

/** In large groups every client looks at the time of some entries only, so that looking stays cheap: about so many look at each. */
const looksPerEntry = 5

/** What has happened to the messages of a run. */
export function createTally({ groups, size }: { groups: number; size: number }) {
  const ackedOf = Array.from({ length: groups }, () => 0)
  const lookEvery = Math.max(1, Math.floor(size / looksPerEntry))
  const tally = {
    acked: 0,
    heard: 0,
    refused: 0,
    /** From when a message was due, in milliseconds: until its answer, until it was heard, until it was written. */
    ack: createLatencies(),
    receive: createLatencies(),
    lateness: createLatencies(),
    /** What was due in this time is measured, however late it comes. */
    window: { from: Infinity, to: Infinity },
    answered: (client: SeatedClient, dueAt: number, ok: boolean): void => {
      if (!ok) {
        tally.refused++
        return
      }
      tally.acked++
      ackedOf[client.group] = (ackedOf[client.group] ?? 0) + 1
      if (isMeasured(dueAt)) tally.ack.record(performance.now() - dueAt)
    },
    hears: (client: SeatedClient, eventText: string): void => {
      tally.heard++
      if ((client.heard + client.place) % lookEvery !== 0) return
      const dueAt = dueOf(eventText)
      if (dueAt !== undefined && isMeasured(dueAt)) tally.receive.record(performance.now() - dueAt)
    },
    wrote: (dueAt: number): void => {
      if (isMeasured(dueAt)) tally.lateness.record(performance.now() - dueAt)
    },
    /** How many entries somebody should have heard and has not. */
    unheard: (clients: SeatedClient[]) =>
      clients.reduce((sum, { group, heard }) => sum + Math.max(0, (ackedOf[group] ?? 0) - heard), 0),
  }
  const isMeasured = (dueAt: number) => dueAt >= tally.window.from && dueAt < tally.window.to
  return tally
}

export type Tally = ReturnType<typeof createTally>
