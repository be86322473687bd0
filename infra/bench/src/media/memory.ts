import { readdirSync, readFileSync } from 'node:fs'

const pageBytes = 4_096
const everyMs = 50

interface Resident {
  /** Of the process and all its descendants. */
  bytes: number
  /** Of the process alone. */
  ownBytes: number
}

/** The most memory a process and all its descendants held together, resident, looked at twenty times a second. Linux only. */
export function watchPeak(pid: number): Disposable & { peak: () => Resident } {
  let peak: Resident = { bytes: 0, ownBytes: 0 }
  const timer = setInterval(() => {
    const now = residentOf(pid)
    if (now.bytes > peak.bytes) peak = now
  }, everyMs)
  return { peak: () => peak, [Symbol.dispose]: () => clearInterval(timer) }
}

function residentOf(root: number): Resident {
  const parents = new Map(
    readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map((name) => [Number(name), parentOf(name)]),
  )
  const belongs = (pid: number): boolean => pid === root || (pid > 1 && belongs(parents.get(pid) ?? 0))
  let bytes = 0
  for (const pid of parents.keys()) if (belongs(pid)) bytes += residentBytes(pid)
  return { bytes, ownBytes: residentBytes(root) }
}

const field = (text: string, index: number) => Number(text.split(' ')[index] ?? 0)

function parentOf(pid: string): number {
  const stat = read(`/proc/${pid}/stat`)
  return field(stat.slice(stat.lastIndexOf(')') + 2), 1)
}

const residentBytes = (pid: number) => field(read(`/proc/${pid}/statm`), 1) * pageBytes

/** A process that has ended holds nothing. */
function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
