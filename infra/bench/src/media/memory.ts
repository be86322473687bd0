import { readdirSync, readFileSync } from 'node:fs'

const pageBytes = 4_096
const everyMs = 50

interface Resident {
  /** Of the process and all its descendants. */
  bytes: number
  /** Of the process alone. */
  ownBytes: number
  /** Of all of them, a page that several share counted once (`Pss`, proc(5)). */
  proportionalBytes: number
}

/** The most memory a process and all its descendants held together, resident, looked at twenty times a second. Linux only. */
export function watchPeak(pid: number): Disposable & { peak: () => Resident } {
  let peak: Resident = { bytes: 0, ownBytes: 0, proportionalBytes: 0 }
  const timer = setInterval(() => {
    const family = familyOf(pid)
    const bytes = sum(family.map(residentBytes))
    if (bytes <= peak.bytes) return
    peak = { bytes, ownBytes: residentBytes(pid), proportionalBytes: sum(family.map(proportionalBytes)) }
  }, everyMs)
  return { peak: () => peak, [Symbol.dispose]: () => clearInterval(timer) }
}

function familyOf(root: number): number[] {
  const parents = new Map(
    readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map((name) => [Number(name), parentOf(name)]),
  )
  const belongs = (pid: number): boolean => pid === root || (pid > 1 && belongs(parents.get(pid) ?? 0))
  return [...parents.keys()].filter(belongs)
}

const sum = (numbers: number[]) => numbers.reduce((all, one) => all + one, 0)
const field = (text: string, index: number) => Number(text.split(' ')[index] ?? 0)

function parentOf(pid: string): number {
  const stat = read(`/proc/${pid}/stat`)
  return field(stat.slice(stat.lastIndexOf(')') + 2), 1)
}

function residentBytes(pid: number): number {
  return field(read(`/proc/${pid}/statm`), 1) * pageBytes
}

function proportionalBytes(pid: number): number {
  const [, kilobytes = 0] = /^Pss: +(\d+)/m.exec(read(`/proc/${pid}/smaps_rollup`)) ?? []
  return Number(kilobytes) * 1_024
}

/** A process that has ended holds nothing. */
function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
