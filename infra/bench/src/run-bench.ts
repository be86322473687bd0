import { spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { text } from 'node:stream/consumers'

/** Runs a bench that is a command of its own, in a process of its own, and gives back what it says with `--json`. */
export async function runBench(name: 'storm' | 'push' | 'media', args: string[]): Promise<unknown> {
  const child = spawn(
    process.execPath,
    [path.join(import.meta.dirname, name, 'main.ts'), '--json', ...args],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  const end = () => void child.kill()
  process.once('exit', end)
  try {
    const [printed, [status]] = await Promise.all([text(child.stdout), once(child, 'exit')])
    if (status !== 0) throw new Error(`the bench of ${name} failed`)
    return JSON.parse(printed)
  } finally {
    process.off('exit', end)
  }
}
