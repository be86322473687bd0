import { AppError } from '@parley/shared/errors'
import type { ConversationId } from '@parley/shared/ids'
import { rankInstances } from '@parley/shared/instances'
import { openRpc, type Rpc } from '@parley/shared/rpc'

interface MessagesClientOptions {
  urls: string[]
  secret: string
}

type Method = 'deliveries/due' | 'deliveries/report'

const deadlineMs = 10_000

/** Asks the instance that prefers the conversation, and the next one if that cannot be reached. */
export function openMessagesClient({ urls, secret }: MessagesClientOptions) {
  const instances = urls.map((url) => ({ name: url, rpc: openRpc({ baseUrl: url, secret }) }))

  return {
    async call<M extends Method>(
      method: M,
      conversationId: ConversationId,
      request: Rpc[M]['request'],
    ): Promise<Rpc[M]['reply']> {
      let last: unknown
      for (const { rpc } of rankInstances(instances, conversationId)) {
        try {
          return await rpc.call(method, request, { deadlineMs })
        } catch (cause) {
          if (!isElsewhere(cause)) throw cause
          last = cause
        }
      }
      throw last
    },
    async [Symbol.asyncDispose](): Promise<void> {
      await Promise.all(instances.map(({ rpc }) => rpc[Symbol.asyncDispose]()))
    },
  }
}

export type MessagesClient = ReturnType<typeof openMessagesClient>

/** The instance is away or leaving; another one may well answer. */
function isElsewhere(cause: unknown): boolean {
  return cause instanceof AppError && (cause.code === 'unavailable' || cause.code === 'draining')
}
