import type { ChildProcess } from 'node:child_process'

/** Kills a child when this process ends, however it does, unless the child has ended before. */
export function endWithThis<T extends ChildProcess>(child: T): T {
  const kill = () => void child.kill('SIGKILL')
  process.once('exit', kill)
  child.once('exit', () => process.off('exit', kill))
  return child
}
