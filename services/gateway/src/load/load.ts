import { getHeapStatistics } from 'node:v8'
import { Counter, Gauge, type Registry } from 'prom-client'
import { z } from 'zod'

const sampledEveryMs = 100
/** So much of each sample goes into the mean: a single pause of the garbage collector is no load. */
const weight = 0.1
/** A node that has just been busy stays careful for a while. */
const calmAfterMs = 1_000

export const loadEnv = {
  SHED_LAG_MS: z.coerce.number().int().min(1).max(10_000).default(70),
  SHED_MEMORY_PERCENT: z.coerce.number().int().min(1).max(100).default(90),
}

export interface LoadLimits {
  lagMs: number
  memoryPercent: number
}

/** What a look at the process says: how late its timers are, and how full the smaller of heap and container is. */
export interface LoadSample {
  lagMs: number
  memoryPercent: number
}

/** What is left out under load, before messages are. */
type Sheddable = 'typing' | 'presence'

export type Load = ReturnType<typeof watchLoad>

interface LoadOptions {
  limits: LoadLimits
  metrics: Registry
  measure: () => LoadSample
}

/** Knows whether this gateway has more to do than it can, so that what nobody misses waits and messages go on. */
export function watchLoad({ limits, metrics, measure }: LoadOptions) {
  let lagMs = 0
  let busyUntil = 0
  const shed = new Counter({
    name: 'parley_gateway_shed_total',
    help: 'Typing notices left out and rounds of presence put off because the node is under load',
    labelNames: ['kind'],
    registers: [metrics],
  })
  new Gauge({
    name: 'parley_gateway_under_load',
    help: '1 while typing and presence are left out',
    registers: [metrics],
    collect() {
      this.set(isHigh() ? 1 : 0)
    },
  })
  const timer = setInterval(() => {
    const sample = measure()
    lagMs += (sample.lagMs - lagMs) * weight
    if (lagMs > limits.lagMs || sample.memoryPercent > limits.memoryPercent)
      busyUntil = performance.now() + calmAfterMs
  }, sampledEveryMs).unref()
  const isHigh = () => performance.now() < busyUntil

  return {
    isHigh,
    /** Whether this is to be left out now; it is counted if so. */
    sheds(kind: Sheddable): boolean {
      if (!isHigh()) return false
      shed.inc({ kind })
      return true
    },
    [Symbol.dispose]: () => clearInterval(timer),
  }
}

export function measureProcess(lagMs: () => number): () => LoadSample {
  // Absent or absurdly large outside a container.
  const containerBytes = process.constrainedMemory()
  return () => {
    const heap = getHeapStatistics()
    const ofHeap = heap.used_heap_size / heap.heap_size_limit
    const ofContainer = containerBytes > 0 ? process.memoryUsage.rss() / containerBytes : 0
    return { lagMs: lagMs(), memoryPercent: 100 * Math.max(ofHeap, ofContainer) }
  }
}
