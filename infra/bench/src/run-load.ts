import { setTimeout as wait } from 'node:timers/promises'
import type { Contender, Seat } from './contender.ts'
import { cpuMsOf } from './cpu.ts'
import { openRawClient, type RawClient } from './raw-client.ts'

export interface LoadPlan {
  groups: number
  size: number
  /** Messages a second over all clients, sent on time whether or not answers come; absent, as many as are answered. */
  ratePerSecond?: number
  /** Unanswered messages of one client when there is no rate. */
  window?: number
  warmUpMs: number
  measureMs: number
}

export interface LoadResult {
  messagesPerSecond: number
  deliveriesPerSecond: number
  /** User and system time of every process per message, in microseconds, by part. */
  cpuUsPerMessage: Record<string, number>
  ackMs: { p50: number; p99: number }
}

const receiptsEveryMs = 1_000

/** Connects everybody, warms up, measures, checks what was stored. */
export async function runLoad(contender: Contender, plan: LoadPlan): Promise<LoadResult> {
  const seats = await contender.seats(plan.groups, plan.size)
  const counters = { acked: 0, delivered: 0, refused: 0, ackedEver: 0 }
  let latencies: number[] = []
  let running = true
  const clients: SeatedClient[] = []
  for (const seat of seats) {
    clients.push(
      await sit(
        seat,
        (sentAt, ok) => {
          if (ok) counters.ackedEver++
          if (ok) counters.acked++
          else counters.refused++
          latencies.push(performance.now() - sentAt)
        },
        () => void counters.delivered++,
        () => running,
      ),
    )
  }
  const receipts = setInterval(() => clients.forEach((client) => client.acknowledge()), receiptsEveryMs)
  const pacing = plan.ratePerSecond
    ? pace(clients, plan.ratePerSecond, () => running)
    : fill(clients, plan.window ?? 2)

  await wait(plan.warmUpMs)
  Object.assign(counters, { acked: 0, delivered: 0 })
  latencies = []
  const before = cpuByPart(contender)
  const startedAt = performance.now()
  await wait(plan.measureMs)
  const seconds = (performance.now() - startedAt) / 1_000
  const after = cpuByPart(contender)
  const { acked, delivered } = counters
  const sorted = latencies.toSorted((a, b) => a - b)

  running = false
  await pacing
  await wait(500)
  clearInterval(receipts)
  for (const client of clients) client.close()
  if (counters.refused > 0) throw new Error(`${counters.refused} messages were refused: the run is void`)
  await contender.verify(counters.ackedEver)
  return {
    messagesPerSecond: acked / seconds,
    deliveriesPerSecond: delivered / seconds,
    cpuUsPerMessage: Object.fromEntries(
      Object.entries(after).map(([part, ms]) => [
        part,
        ((ms - (before[part] ?? 0)) * 1_000) / Math.max(1, acked),
      ]),
    ),
    ackMs: { p50: percentile(sorted, 0.5), p99: percentile(sorted, 0.99) },
  }
}

interface SeatedClient {
  send: () => void
  acknowledge: () => void
  close: () => void
  /** Keeps this many unanswered from here on. */
  keep: (window: number) => void
}

async function sit(
  seat: Seat,
  onAnswer: (sentAt: number, ok: boolean) => void,
  onDelivery: () => void,
  isRunning: () => boolean,
): Promise<SeatedClient> {
  const sent = new Map<number, number>()
  let n = 0
  let window = 0
  let lastEvent: string | undefined
  const client: RawClient = await openRawClient({
    url: seat.url,
    authJson: seat.authJson,
    onAck(id, text) {
      const sentAt = sent.get(id)
      if (sentAt === undefined) return
      sent.delete(id)
      onAnswer(sentAt, text.includes('"ok":true'))
      if (isRunning()) while (sent.size < window) send()
    },
    onEvent(text) {
      if (!text.startsWith('42["entry:new"') && !text.startsWith('42["message"')) return
      onDelivery()
      lastEvent = text
    },
    onClosed(why) {
      if (isRunning()) throw new Error(`a connection ended during the run: ${why}`)
    },
  })
  function send(): void {
    const id = ++n
    sent.set(id, performance.now())
    client.emit(id, seat.event, seat.payload(id))
  }
  return {
    send,
    close: client.close,
    acknowledge() {
      const receipt = lastEvent === undefined ? undefined : seat.receipt?.(lastEvent)
      lastEvent = undefined
      // Ids that no send uses, so that the answer is nobody's.
      if (receipt) client.emit(0, receipt.event, receipt.payload)
    },
    keep(count) {
      window = count
      while (sent.size < window) send()
    },
  }
}

async function fill(clients: SeatedClient[], window: number): Promise<void> {
  for (const client of clients) client.keep(window)
}

/** Sends by the clock: a server that falls behind does not slow the generator down, so its delay is seen. */
async function pace(clients: SeatedClient[], perSecond: number, isRunning: () => boolean): Promise<void> {
  const startedAt = performance.now()
  let sent = 0
  while (isRunning()) {
    const due = Math.floor(((performance.now() - startedAt) / 1_000) * perSecond)
    for (; sent < due; sent++) clients[sent % clients.length]?.send()
    await wait(2)
  }
}

function cpuByPart(contender: Contender): Record<string, number> {
  return Object.fromEntries(Object.entries(contender.pids()).map(([part, pids]) => [part, cpuMsOf(pids)]))
}

function percentile(sorted: number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}
