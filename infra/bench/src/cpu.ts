import { readdirSync, readFileSync } from 'node:fs'

const ticksPerSecond = 100

interface ProcessTimes {
  parent: number
  ticks: number
}

/** User and system time of processes and all their descendants, those that ended included, in milliseconds. Linux only. */
export function cpuMsOf(pids: number[]): number {
  const ticks = [...familyOf(pids).values()].reduce((sum, times) => sum + times.ticks, 0)
  return (ticks / ticksPerSecond) * 1_000
}

/** Processes and all their descendants. Linux only. */
export function familyOf(pids: number[]): Map<number, ProcessTimes> {
  const all = new Map(
    readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .flatMap((name) => {
        const times = timesOf(name)
        return times ? [[Number(name), times] as const] : []
      }),
  )
  const roots = new Set(pids)
  const belongs = (pid: number): boolean => roots.has(pid) || (pid > 1 && belongs(all.get(pid)?.parent ?? 0))
  return new Map([...all].filter(([pid]) => belongs(pid)))
}

/** The same of parts of a whole, each of some processes. */
export function cpuMsByPart(parts: Record<string, number[]>): Record<string, number> {
  return Object.fromEntries(Object.entries(parts).map(([part, pids]) => [part, cpuMsOf(pids)]))
}

function timesOf(pid: string): ProcessTimes | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The second field is the name in brackets and may hold spaces.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const [utime, stime, cutime, cstime] = fields.slice(11, 15).map(Number)
    return { parent: Number(fields[1]), ticks: (utime ?? 0) + (stime ?? 0) + (cutime ?? 0) + (cstime ?? 0) }
  } catch {
    return undefined
  }
}
