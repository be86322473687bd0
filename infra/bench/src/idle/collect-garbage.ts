import { once } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'

/** Where Node opens its inspector if nobody says where. */
const usualPort = 9229

/** Has a Node process give back what it does not use, so that what is left is what it needs. It opens its inspector for that. */
export async function collectGarbage(pid: number, inspectorPort = usualPort): Promise<void> {
  process.kill(pid, 'SIGUSR1')
  const socket = new WebSocket(await findInspector(inspectorPort))
  await once(socket, 'open')
  for (const id of [1, 2]) {
    socket.send(JSON.stringify({ id, method: 'HeapProfiler.collectGarbage' }))
    await once(socket, 'message')
    await wait(1_000)
  }
  socket.close()
}

async function findInspector(port: number): Promise<string> {
  for (let attempt = 0; ; attempt++) {
    try {
      const targets = (await (await fetch(`http://127.0.0.1:${port}/json/list`)).json()) as {
        webSocketDebuggerUrl: string
      }[]
      return targets[0]?.webSocketDebuggerUrl ?? ''
    } catch (cause) {
      if (attempt > 50) throw cause
      await wait(100)
    }
  }
}
