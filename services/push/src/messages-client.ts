import { chooseAmong } from '@parley/shared/instances'
import type { Rpc } from '@parley/shared/rpc'
import { openRpc } from '@parley/shared/rpc-client'
import type { Tracing } from '@parley/shared/tracing'

interface MessagesClientOptions {
  urls: string[]
  secret: string
  tracing?: Tracing | undefined
}

type Method =
  | 'deliveries/due'
  | 'deliveries/report'
  | 'deliveries/again'
  | 'withdrawals/due'
  | 'withdrawals/report'
  | 'calls/targets'
  | 'push-tokens/list'
  | 'push-tokens/forget'

const deadlineMs = 10_000

/** Asks the instance that prefers the key, a conversation or user, and the next one if that cannot be reached. */
export function openMessagesClient({ urls, secret, tracing }: MessagesClientOptions) {
  const instances = urls.map((url) => ({ name: url, rpc: openRpc({ baseUrl: url, secret, tracing }) }))
  const among = chooseAmong(instances)

  return {
    /** `trace`: the `traceparent` of what asks, if its trace is recorded. */
    call: <M extends Method>(
      method: M,
      key: string,
      request: Rpc[M]['request'],
      trace?: string,
    ): Promise<Rpc[M]['reply']> =>
      among.ask(
        () => key,
        ({ rpc }) => rpc.call(method, request, { deadlineMs, trace }),
      ),
    async [Symbol.asyncDispose](): Promise<void> {
      await Promise.all(instances.map(({ rpc }) => rpc[Symbol.asyncDispose]()))
    },
  }
}

export type MessagesClient = ReturnType<typeof openMessagesClient>
