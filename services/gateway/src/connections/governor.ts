import type { AppError } from '@parley/shared/errors'
import { overloadedNode } from '../errors.ts'

/** A handshake that takes longer tells that the database, Redis or this process is behind. */
const targetMs = 500
/** A timer that is late by more is an event loop with too much to do. */
const lagLimitMs = 200
const places = { first: 64, least: 8, most: 400 }
/** Beyond it a client has given up, and its place would be for nothing. */
const patienceMs = 8_000
/**
 * What may wait, by the time until its turn. To wait costs a node nothing but what the socket holds anyway, to be refused and
 * come back costs it half a handshake; so all may wait whose turn comes before their patience ends.
 */
const queues = { unexpectedMs: 5_000, expectedMs: 7_000, least: 64, most: 10_000 }
/** What a node takes itself to be able to, until it knows better. */
const firstPerSecond = 1_000
/**
 * It is the best of the last half seconds: where thousands come in one moment, all are greeted before the first is let in, so
 * for a second or two hardly any handshake ends.
 */
const capacityWindows = { ms: 500, count: 6 }
const shortestHintMs = 500
const longestHintMs = 15_000

interface Waiting {
  since: number
  go: () => void
  refuse: (cause: AppError) => void
}

interface GovernorOptions {
  now?: () => number
  /** How late timers of this process are, in milliseconds. */
  lagMs?: () => number
}

/**
 * Lets handshakes in as fast as what is behind them bears, measured by how long they take: while they are quick more
 * go side by side, when they are slow fewer do. Who finds no place waits for one shortly, those with a return ticket
 * before the others; whoever would wait longer is told at once when to ask again, which costs nobody anything.
 */
export function createGovernor({ now = () => performance.now(), lagMs = () => 0 }: GovernorOptions = {}) {
  let limit = places.first
  let inFlight = 0
  let slowedAt = Number.NEGATIVE_INFINITY
  const capacity = createCapacity(now)
  const refusals = createRate(now)
  const expected: Waiting[] = []
  const others: Waiting[] = []

  function adjust(tookMs: number): void {
    if (tookMs <= targetMs && lagMs() <= lagLimitMs) {
      // Only a limit that was reached says anything about what lies beyond it.
      if (inFlight + 1 >= limit) limit = Math.min(places.most, limit + 1)
      return
    }
    // Handshakes that were slow together are one piece of news.
    if (now() - slowedAt < targetMs) return
    slowedAt = now()
    limit = Math.max(places.least, Math.floor(limit * 0.7))
  }

  function admitNext(): void {
    while (inFlight < limit) {
      const next = expected.shift() ?? others.shift()
      if (!next) return
      if (now() - next.since > patienceMs) {
        next.refuse(refusal())
        continue
      }
      inFlight++
      next.go()
    }
  }

  function refusal(): AppError {
    refusals.add()
    // Those who were refused lately come back too, so all of them share the time that they need.
    const clearMs = ((expected.length + others.length + refusals.perSecond()) / capacity.perSecond()) * 1_000
    const spreadMs = Math.min(longestHintMs, clearMs) - shortestHintMs
    return overloadedNode(Math.round(shortestHintMs + Math.max(shortestHintMs, spreadMs) * Math.random()))
  }

  function place(isExpected: boolean): Promise<void> {
    if (inFlight < limit && expected.length + others.length === 0) {
      inFlight++
      return Promise.resolve()
    }
    if (isFull(isExpected)) return Promise.reject(refusal())
    const queue = isExpected ? expected : others
    capacity.isReached()
    return new Promise((go, refuse) => queue.push({ since: now(), go, refuse }))
  }

  function isFull(isExpected: boolean): boolean {
    const queue = isExpected ? expected : others
    const waitMs = isExpected ? queues.expectedMs : queues.unexpectedMs
    const room = Math.max(queues.least, (capacity.perSecond() * waitMs) / 1_000)
    return queue.length >= Math.min(queues.most, room)
  }

  return {
    get waiting(): number {
      return expected.length + others.length
    },
    get limit(): number {
      return limit
    },
    /** To be asked before anything is spent on somebody without a ticket. Error: `overloaded`. */
    checkRoom(): void {
      if (isFull(false)) throw refusal()
    },
    /** Runs a handshake when there is a place for it. Errors: `overloaded` with when to ask again, and its own. */
    async run<T>(isExpected: boolean, handshake: () => Promise<T>): Promise<T> {
      await place(isExpected)
      const startedAt = now()
      try {
        return await handshake()
      } finally {
        capacity.add()
        adjust(now() - startedAt)
        inFlight--
        admitNext()
        if (expected.length + others.length > 0) capacity.isReached()
      }
    },
  }
}

export type Governor = ReturnType<typeof createGovernor>

/** How many handshakes end in a second while others wait: then it is what the node can do, and not what it was asked. */
function createCapacity(now: () => number) {
  let measured = [firstPerSecond]
  let since = now()
  let ended = 0
  let wasReached = false
  function turn(): void {
    const elapsedMs = now() - since
    if (elapsedMs < capacityWindows.ms) return
    const perSecond = (ended * 1_000) / elapsedMs
    if (wasReached || perSecond > Math.max(...measured))
      measured = [...measured.slice(1 - capacityWindows.count), perSecond]
    since = now()
    ended = 0
    wasReached = false
  }
  return {
    add(): void {
      turn()
      ended++
    },
    isReached(): void {
      turn()
      wasReached = true
    },
    perSecond(): number {
      turn()
      return Math.max(places.least, ...measured)
    },
  }
}

/** How often something happened in the second before this one, or in this one so far if that was more. */
function createRate(now: () => number) {
  let second = 0
  let current = 0
  let last = 0
  function turn(): void {
    const here = Math.floor(now() / 1_000)
    if (here === second) return
    last = here === second + 1 ? current : 0
    current = 0
    second = here
  }
  return {
    add(): void {
      turn()
      current++
    },
    perSecond(): number {
      turn()
      return Math.max(last, current)
    },
  }
}
