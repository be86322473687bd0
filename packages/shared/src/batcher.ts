import { AppError } from './errors.ts'

export interface BatcherOptions<In, Out> {
  /** The most items one call carries. */
  maxBatch: number
  /** The most items that may wait; one more is refused with a retryable `overloaded`. */
  maxQueued: number
  /** A batch begins no sooner than this after the one before it began. A batcher at rest begins at once. */
  everyMs?: number
  /** Before each batch of a flow this long is left for what comes together with its first item. */
  settleMs?: number
  /** Unless so many items wait: to gather more saves little. As many as a batch carries unless told. */
  enough?: number
  /** So many batches are under way at most, one unless told; one begins beside another when enough wait for it. */
  beside?: number
  /** Handles a batch; the result has one place per item, in order. */
  run: (items: In[]) => Promise<(Out | AppError)[]>
}

/** After so long without a batch there is no flow. */
const flowMs = 100

/** Who waits for what becomes of an item. One of these is called, once, and throws nothing. */
export interface Waiter<Out> {
  resolve: (value: Out) => void
  reject: (cause: unknown) => void
}

interface Waiting<In, Out> {
  item: In
  waiter: Waiter<Out>
}

/**
 * Natural batching: with nothing in flight an item goes at the end of the current tick; while a batch is in
 * flight items gather and go together when it returns. So one request costs one round trip, and a flood costs
 * a few large ones; with `everyMs` and `settleMs` a steady trickle does too.
 */
export function createBatcher<In, Out>({
  maxBatch,
  maxQueued,
  everyMs = 0,
  settleMs = 0,
  enough = maxBatch,
  beside = 1,
  run,
}: BatcherOptions<In, Out>) {
  let waiting: Waiting<In, Out>[] = []
  let drains = 0
  let begunAt = -Infinity
  let endRest = () => {}

  /** Lets items gather until it is time or enough of them wait. */
  async function rest(): Promise<void> {
    const sinceMs = Math.max(0, performance.now() - begunAt)
    const restMs = Math.max(everyMs - sinceMs, sinceMs < flowMs ? settleMs : 0)
    if (restMs <= 0 || waiting.length >= enough) return
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, restMs)
      endRest = () => {
        clearTimeout(timer)
        resolve()
      }
    })
    endRest = () => {}
  }

  async function drain(): Promise<void> {
    while (waiting.length >= (drains > 1 ? enough : 1)) {
      await rest()
      begunAt = performance.now()
      const batch = waiting.length <= maxBatch ? waiting : waiting.slice(0, maxBatch)
      waiting = waiting.length <= maxBatch ? [] : waiting.slice(maxBatch)
      try {
        const results = await run(batch.map(({ item }) => item))
        batch.forEach(({ waiter }, i) => {
          const result = results[i]
          if (result instanceof AppError) waiter.reject(result)
          else if (result === undefined)
            waiter.reject(new AppError('internal', 'a batch returned too few results'))
          else waiter.resolve(result)
        })
      } catch (cause) {
        for (const { waiter } of batch) waiter.reject(cause)
      }
    }
    drains--
  }

  /** As `add`, without a promise: where there is one for each of thousands under way, they are a good part of the garbage. */
  function put(item: In, waiter: Waiter<Out>): void {
    if (waiting.length >= maxQueued)
      return waiter.reject(new AppError('overloaded', 'too much is waiting', { retryAfterMs: 1_000 }))
    waiting.push({ item, waiter })
    const isEnough = waiting.length >= enough
    if (isEnough) endRest()
    if (drains > 0 && !(isEnough && drains < beside)) return
    drains++
    setImmediate(() => void drain())
  }

  return {
    get queued(): number {
      return waiting.length
    },
    put,
    add: (item: In): Promise<Out> => new Promise((resolve, reject) => put(item, { resolve, reject })),
  }
}
