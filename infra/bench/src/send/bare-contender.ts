import type { Stack } from '@parley/local/stack'
import { type BareServer, startBare } from '../bare/start-bare.ts'
import { type Contender, sampleText } from './contender.ts'

/** Relays on the Redis that the product uses, in turn with it; as many as the product has gateways. */
export async function startRelays(stack: Stack, count = 2): Promise<Contender> {
  using opened = new DisposableStack()
  const relays: BareServer[] = []
  while (relays.length < count)
    relays.push(opened.use(await startBare('relay', { args: [stack.urls.redis] })))
  const owned = opened.move()
  return {
    name: 'relay',
    async seats(groups, size) {
      return Array.from({ length: groups * size }, (_, i) => {
        const group = Math.floor(i / size)
        const room = `room-${group}-of-${size}`
        return {
          group,
          url: relays[i % relays.length]?.url ?? '',
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
    pids: () => ({ gateways: relays.map(({ pid }) => pid), redis: [stack.pid('redis') ?? 0] }),
    verify: async () => [],
    [Symbol.asyncDispose]: async () => owned.dispose(),
  }
}
