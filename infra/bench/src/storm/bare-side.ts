import { startBare } from '../bare/start-bare.ts'
import { startCrowd } from './crowd.ts'
import { runStorm, type StormResult } from './run-storm.ts'

export interface BareSide extends Disposable {
  /** Kills the server everybody is on; all come to another. */
  storm: () => Promise<StormResult>
}

/** Handshakes of stock Socket.IO, without authentication, rooms or anything to catch up on. */
export async function openBareSide(sockets: number): Promise<BareSide> {
  using opened = new DisposableStack()
  const crowd = opened.use(startCrowd())
  let here = await startBare('door')
  opened.defer(() => here[Symbol.dispose]())
  const nobody = Array.from({ length: sockets }, () => '{}')
  await crowd.gather(here.url, nobody, { syncs: false })
  const owned = opened.move()
  return {
    async storm() {
      const [from, to] = [here, await startBare('door')]
      here = to
      return runStorm(crowd, {
        returnTo: to.url,
        drop: async () => from[Symbol.dispose](),
        pids: () => ({ gateway: [to.pid], clients: [crowd.pid] }),
      })
    },
    [Symbol.dispose]: () => owned.dispose(),
  }
}
