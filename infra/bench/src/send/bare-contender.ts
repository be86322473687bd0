import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { findFreePort } from '@parley/testing/free-port'
import { type Contender, sampleText } from './contender.ts'

/** Two relays on the Redis that the product uses, in turn with it. */
export async function startRelay(redis: { url: string; pid: () => number }): Promise<Contender> {
  await using opened = new AsyncDisposableStack()
  const relays: { url: string; child: ChildProcess }[] = []
  for (let i = 0; i < 2; i++) {
    const port = await findFreePort()
    const child = spawn(
      process.execPath,
      [path.join(import.meta.dirname, '../bare/relay.ts'), String(port), redis.url],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    )
    opened.defer(() => void child.kill('SIGKILL'))
    await once(child.stdout, 'data')
    relays.push({ url: `http://127.0.0.1:${port}`, child })
  }
  const owned = opened.move()
  return {
    name: 'relay',
    async seats(groups, size) {
      return Array.from({ length: groups * size }, (_, i) => {
        const group = Math.floor(i / size)
        const room = `room-${group}-of-${size}`
        return {
          group,
          url: relays[i % 2]?.url ?? '',
          authJson: JSON.stringify({ room }),
          event: 'message',
          payload: (mark) =>
            JSON.stringify({
              clientMessageId: `${i}-${mark}`,
              room,
              type: 'text',
              content: { text: sampleText },
            }),
        }
      })
    },
    pids: () => ({ gateways: relays.flatMap(({ child }) => child.pid ?? []), redis: [redis.pid()] }),
    verify: async () => [],
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}
