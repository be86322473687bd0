import { fork } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { findFreePort } from '@parley/testing/free-port'
import { openRawClient, type RawClient } from '../raw-client.ts'

export interface FanOutRequest {
  /** To each socket, before the event loop goes on. */
  framesPerTick: number
  forMs: number
}

/** User and system time of the server, for all it wrote. */
export interface FanOutResult {
  frames: number
  cpuMs: number
}

/** A Socket.IO server in a process of its own that emits to a room of sockets, which this process reads. */
export interface FanOutServer extends Disposable {
  /** Throws if not every frame came. */
  run: (request: FanOutRequest) => Promise<FanOutResult>
}

const arrivesWithinMs = 10_000

export async function startFanOut(how: 'stock' | 'product', sockets: number): Promise<FanOutServer> {
  const port = await findFreePort()
  const child = fork(path.join(import.meta.dirname, 'fan-out-process.ts'), [how, String(port)], {
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  })
  if (child.stdout) await once(child.stdout, 'data')
  let heard = 0
  const clients: RawClient[] = []
  for (let i = 0; i < sockets; i++) {
    const client = await openRawClient({
      url: `http://127.0.0.1:${port}`,
      authJson: '{}',
      onAck: () => {},
      onEvent: () => void heard++,
      onClosed: () => {},
    })
    clients.push(client)
  }
  return {
    async run(request) {
      heard = 0
      child.send(request)
      const [result] = (await once(child, 'message')) as [FanOutResult]
      const giveUpAt = performance.now() + arrivesWithinMs
      while (heard < result.frames && performance.now() < giveUpAt) await wait(5)
      if (heard !== result.frames) throw new Error(`${result.frames} frames were sent, ${heard} came`)
      return result
    },
    [Symbol.dispose]() {
      for (const client of clients) client.close()
      child.kill('SIGKILL')
    },
  }
}
