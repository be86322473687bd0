import { readFile } from 'node:fs/promises'

const everyMs = 100
/** Of a page in `statm`. Every Linux that Node has builds for uses this size or a larger one. */
const pageBytes = 4_096

/**
 * Calls once when a process holds more resident memory than allowed: decoders allocate outside of every heap that
 * has a limit of its own. Looks every 100 ms, where the system tells (Linux); elsewhere time limits alone hold.
 */
export function watchMemory(pid: number, limitBytes: number, onExceeded: () => void): Disposable {
  const timer = setInterval(() => {
    void residentBytes(pid).then((bytes) => {
      if (bytes <= limitBytes) return
      clearInterval(timer)
      onExceeded()
    })
  }, everyMs)
  return { [Symbol.dispose]: () => clearInterval(timer) }
}

/** What a process holds in memory; 0 where the system does not tell. */
export async function residentBytes(pid: number): Promise<number> {
  // `size resident shared …`, in pages (proc(5)). A process that has ended holds nothing.
  const text = await readFile(`/proc/${pid}/statm`, 'latin1').catch(() => '')
  return Number(text.split(' ')[1] ?? 0) * pageBytes
}
