import { setTimeout as wait } from 'node:timers/promises'
import type { Stack } from '@parley/local/stack'
import { createApi } from '@parley/testing/chat-api'
import type { People } from './people.ts'

/** How many messages a second are sent all the while, so that there is something to miss. */
const sendsPerSecond = 2

/** Owners of groups who speak on through the API while sockets fall. */
export function keepSending(stack: Stack, { groups }: People): AsyncDisposable {
  const api = createApi(stack.urls.messages)
  const stop = new AbortController()
  const sending = (async () => {
    for (let i = 0; !stop.signal.aborted; i++) {
      const group = groups[i % groups.length]
      await wait(1_000 / sendsPerSecond)
      if (!group) continue
      const { conversationId, owner } = group
      const message = {
        clientMessageId: crypto.randomUUID(),
        to: { conversationId },
        type: 'text',
        content: { text: 'Is everybody there?' },
      }
      const { status } = await api.post('/v1/messages', message, owner.token)
      if (status >= 300) throw new Error(`a send was answered ${status}`)
    }
  })()
  sending.catch(() => undefined)
  return {
    async [Symbol.asyncDispose]() {
      stop.abort()
      await sending
    },
  }
}
