import type { Quantiles } from './latencies.ts'

/** How hard the load generator, which is this process, had it itself. */
export interface GeneratorReport {
  /** CPU time beside time: 1 is a core, which is all a process with one thread can have. */
  cpuShare: number
  /** Of the time its event loop was at work or ready to be. */
  busyShare: number
  /** From when a message was due until it was written, in milliseconds; nothing where messages are not due at a time. */
  latenessMs: Quantiles
}

/** Looks at this process from now on. */
export function watchGenerator(): () => Omit<GeneratorReport, 'latenessMs'> {
  const startedAt = performance.now()
  const cpu = process.cpuUsage()
  const loop = performance.eventLoopUtilization()
  return () => {
    const { user, system } = process.cpuUsage(cpu)
    return {
      cpuShare: (user + system) / 1_000 / (performance.now() - startedAt),
      busyShare: performance.eventLoopUtilization(loop).utilization,
    }
  }
}
