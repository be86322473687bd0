import type { Stack } from '@parley/local/stack'
import { createApi, signUp } from '@parley/testing/chat-api'

/** The message that logs are filled with copies of. */
export async function sendFirst(stack: Stack): Promise<void> {
  const api = createApi(stack.urls.messages)
  const [ann, ben] = [await signUp(api), await signUp(api)]
  const message = {
    clientMessageId: 'first',
    to: { userId: ben.userId },
    type: 'text',
    content: { text: 'Hello' },
  }
  const { status } = await api.post('/v1/messages', message, ann.token)
  if (status !== 201) throw new Error(`a send was answered ${status}`)
}
