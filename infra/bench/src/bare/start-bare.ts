import { spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { findFreePort } from '@parley/testing/free-port'
import { endWithThis } from '../end-with-this.ts'

export interface BareServer extends Disposable {
  url: string
  pid: number
}

interface BareOptions {
  /** After its port. */
  args?: (string | number)[]
  inspectorPort?: number
}

/** One of the servers of this folder in a process of its own; disposing of it kills it. */
export async function startBare(
  program: 'relay' | 'door' | 'rooms',
  { args = [], inspectorPort }: BareOptions = {},
): Promise<BareServer> {
  const port = await findFreePort()
  const entry = path.join(import.meta.dirname, `${program}.ts`)
  const child = endWithThis(
    spawn(
      process.execPath,
      [
        ...(inspectorPort ? [`--inspect-port=127.0.0.1:${inspectorPort}`] : []),
        entry,
        ...[port, ...args].map(String),
      ],
      // What an inspector says when it opens is nobody's business.
      { stdio: ['ignore', 'pipe', inspectorPort ? 'ignore' : 'inherit'] },
    ),
  )
  if (child.stdout) await once(child.stdout, 'data')
  return {
    url: `http://127.0.0.1:${port}`,
    pid: child.pid ?? 0,
    [Symbol.dispose]: () => void child.kill('SIGKILL'),
  }
}
