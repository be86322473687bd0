import { type BatcherOptions, createBatcher, type Waiter } from '@parley/shared/batcher'

/** A batch that takes longer waits for something, and whoever can goes around it. */
const stuckAfterMs = 50

interface LanesOptions<In, Out> extends Omit<BatcherOptions<In, Out>, 'enough'> {
  lanes: number
  /** A lane in which so many wait begins at once, and further keys go to the next. */
  enough: number
  /** What must keep its order. */
  keyOf: (item: In) => string
  now?: () => number
}

/**
 * Batchers beside each other, which are filled one after the other: batches are as large as the flow allows, and a
 * second lane is used when the first has its fill or is stuck. Items of one key are in one lane as long as any of
 * them is under way, so they keep their order.
 */
export function createLanes<In, Out>(options: LanesOptions<In, Out>) {
  const { lanes: count, keyOf, run, maxQueued, enough, now = performance.now.bind(performance) } = options
  const lanes = Array.from({ length: count }, openLane)
  /** The lane of each key that is under way, with how many of its items are. */
  const underWay = new Map<string, { lane: Lane<In, Out>; items: number }>()

  function openLane(): Lane<In, Out> {
    const lane: Lane<In, Out> = {
      begunAt: undefined,
      fullMs: 0,
      batcher: createBatcher({
        ...options,
        async run(items) {
          lane.begunAt = now()
          try {
            return await run(items)
          } finally {
            if (items.length >= enough) lane.fullMs += now() - (lane.begunAt ?? now())
            lane.begunAt = undefined
            for (const item of items) leave(keyOf(item))
          }
        },
      }),
    }
    return lane
  }

  function leave(key: string): void {
    const place = underWay.get(key)
    if (place && --place.items === 0) underWay.delete(key)
  }

  /** The first that invites, else the one in which the fewest wait. */
  function choose(): Lane<In, Out> {
    let best: Lane<In, Out> | undefined
    for (const lane of lanes) {
      const isStuck = lane.begunAt !== undefined && now() - lane.begunAt > stuckAfterMs
      if (!isStuck && lane.batcher.queued < enough) return lane
      if (!best || lane.batcher.queued < best.batcher.queued) best = lane
    }
    if (!best) throw new Error('there are no lanes')
    return best
  }

  function put(item: In, waiter: Waiter<Out>): void {
    const key = keyOf(item)
    const place = underWay.get(key) ?? { lane: choose(), items: 0 }
    const { batcher } = place.lane
    // One that is refused is not under way.
    if (batcher.queued < maxQueued && place.items++ === 0) underWay.set(key, place)
    batcher.put(item, waiter)
  }

  return {
    put,
    /** For how long each lane has worked on batches that held enough, in milliseconds. */
    fullMs: (): number[] => lanes.map((lane) => lane.fullMs),
    add: (item: In): Promise<Out> => new Promise((resolve, reject) => put(item, { resolve, reject })),
  }
}

interface Lane<In, Out> {
  batcher: { readonly queued: number; put: (item: In, waiter: Waiter<Out>) => void }
  /** When its batch began that is not done yet. */
  begunAt: number | undefined
  /** How long batches took that held enough and are done. */
  fullMs: number
}
