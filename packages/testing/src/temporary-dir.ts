import { rmSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'

const left = new Set<string>()

export interface TemporaryDir extends AsyncDisposable {
  path: string
}

/**
 * An empty directory that is gone when it is disposed of, or when this process exits before that. Servers started
 * in it are killed at exit too (`owned-process`), so a file that one of them makes in its last moment is in the way once or twice.
 */
export async function makeTemporaryDir(name: string): Promise<TemporaryDir> {
  const dir = await mkdtemp(path.join(tmpdir(), `${name}-`))
  // Not when this module is loaded: what kills the servers is to be asked first.
  if (left.size === 0 && !process.listeners('exit').includes(removeAll)) process.once('exit', removeAll)
  left.add(dir)
  return {
    path: dir,
    async [Symbol.asyncDispose]() {
      await rm(dir, { recursive: true, force: true })
      left.delete(dir)
    },
  }
}

function removeAll(): void {
  for (const dir of left) rmSync(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 })
}
