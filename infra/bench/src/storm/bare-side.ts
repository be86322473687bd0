import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { findFreePort } from '@parley/testing/free-port'
import { startCrowd } from './crowd.ts'
import { runStorm, type StormResult } from './run-storm.ts'

export interface BareSide extends Disposable {
  /** Kills the server everybody is on; all come to another. */
  storm: () => Promise<StormResult>
}

interface Door {
  url: string
  child: ChildProcess
}

/** Handshakes of stock Socket.IO, without authentication, rooms or anything to catch up on. */
export async function openBareSide(sockets: number): Promise<BareSide> {
  using opened = new DisposableStack()
  const crowd = opened.use(startCrowd())
  let here = await startDoor()
  opened.defer(() => void here.child.kill('SIGKILL'))
  const nobody = Array.from({ length: sockets }, () => '{}')
  await crowd.gather(here.url, nobody, { syncs: false })
  const owned = opened.move()
  return {
    async storm() {
      const [from, to] = [here, await startDoor()]
      here = to
      return runStorm(crowd, {
        returnTo: to.url,
        drop: async () => void from.child.kill('SIGKILL'),
        pids: () => ({ gateway: [to.child.pid ?? 0], clients: [crowd.pid] }),
      })
    },
    [Symbol.dispose]: () => owned.dispose(),
  }
}

async function startDoor(): Promise<Door> {
  const port = await findFreePort()
  const entry = path.join(import.meta.dirname, '../bare/door.ts')
  const child = spawn(process.execPath, [entry, String(port)], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(child.stdout, 'data')
  return { url: `http://127.0.0.1:${port}`, child }
}
