import { setTimeout as wait } from 'node:timers/promises'
import { familyOf } from './cpu.ts'

/** Until services no longer take themselves for slow because they stood still. */
const settleMs = 1_500

/** Measures something while processes and their descendants stand still, so that it does not pay for what they do at rest. */
export async function whileStopped<T>(pids: number[], measure: () => Promise<T>): Promise<T> {
  const stopped = [...familyOf(pids).keys()]
  const signal = (name: 'SIGSTOP' | 'SIGCONT') => stopped.forEach((pid) => send(pid, name))
  const goOn = () => signal('SIGCONT')
  process.once('exit', goOn)
  try {
    signal('SIGSTOP')
    return await measure()
  } finally {
    goOn()
    process.off('exit', goOn)
    await wait(settleMs)
  }
}

/** A backend may have ended meanwhile. */
function send(pid: number, name: 'SIGSTOP' | 'SIGCONT'): void {
  try {
    process.kill(pid, name)
  } catch (cause) {
    if (!(cause instanceof Error && 'code' in cause && cause.code === 'ESRCH')) throw cause
  }
}
