import { setTimeout as wait } from 'node:timers/promises'
import { createSchedule } from './schedule.ts'
import type { SeatedClient } from './seated-client.ts'

const looksEveryMs = 1

/** Keeps so many messages of each client unanswered until it is stopped. Below 1, so many of them have one each, everybody in turn. */
export function keepUnanswered(clients: SeatedClient[], window: number) {
  let running = true
  let next = 0
  const sendNext = () => clients[next++ % clients.length]?.send(performance.now())
  for (let i = 0; i < clients.length * window; i++) sendNext()
  return {
    onAnswer: (client: SeatedClient): void => {
      if (!running) return
      if (window < 1) sendNext()
      else client.send(performance.now())
    },
    stop: async () => void (running = false),
  }
}

/**
 * Has clients in turn send by the clock. A server that falls behind does not slow the clock down, and a message that is written late
 * was still due when it was due, so all of its delay is seen.
 */
export function sendOnTime(clients: SeatedClient[], perSecond: number, onWritten: (dueAt: number) => void) {
  let running = true
  const schedule = createSchedule(perSecond, performance.now())
  const sending = (async () => {
    for (let sent = 0; running; await wait(looksEveryMs)) {
      for (const due = schedule.dueBy(performance.now()); sent < due; sent++) {
        const dueAt = schedule.dueAt(sent)
        clients[sent % clients.length]?.send(dueAt)
        onWritten(dueAt)
      }
    }
  })()
  return {
    onAnswer: () => {},
    async stop(): Promise<void> {
      running = false
      await sending
    },
  }
}
