import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/**
 * When a process was started, as text that a second process with the same number does not share; undefined
 * when there is none. Numbers are used again, so a number alone must never be signalled.
 */
export function processIdentity(pid: number): string | undefined {
  try {
    if (process.platform !== 'linux') {
      return (
        execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim() || undefined
      )
    }
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // proc(5): the name, in brackets, may hold anything; after it come the state, third, and the start time, 22nd.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' ? undefined : fields[19]
  } catch {
    return undefined
  }
}
