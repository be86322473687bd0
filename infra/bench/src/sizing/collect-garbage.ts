import { once } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'

const inspector = 'http://127.0.0.1:9229/json/list'

/** Has a Node process give back what it does not use, so that what is left is what it needs. It opens its inspector for that. */
export async function collectGarbage(pid: number): Promise<void> {
  process.kill(pid, 'SIGUSR1')
  const socket = new WebSocket(await findInspector())
  await once(socket, 'open')
  for (const id of [1, 2]) {
    socket.send(JSON.stringify({ id, method: 'HeapProfiler.collectGarbage' }))
    await once(socket, 'message')
    await wait(1_000)
  }
  socket.close()
}

async function findInspector(): Promise<string> {
  for (let attempt = 0; ; attempt++) {
    try {
      const targets = (await (await fetch(inspector)).json()) as { webSocketDebuggerUrl: string }[]
      return targets[0]?.webSocketDebuggerUrl ?? ''
    } catch (cause) {
      if (attempt > 50) throw cause
      await wait(100)
    }
  }
}
