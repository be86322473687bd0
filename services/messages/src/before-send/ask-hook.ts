import { randomUUID } from 'node:crypto'
import { checkBounds } from '@parley/shared/bounds'
import { Pool } from 'undici'
import { discard } from '../webhooks/discard.ts'
import { bodyOf } from '../webhooks/event.ts'
import { sign } from '../webhooks/signature.ts'
import { type Verdict, Verdicts } from './verdict.ts'

const answerAtMost = 512 * 1024

interface HookOptions {
  url: string
  secrets: string[]
  deadlineMs: number
  connections: number
}

/** The operator's hook over connections that stay open. It is where the configuration says, private network or not. */
export function openHook({ url, secrets, deadlineMs, connections }: HookOptions) {
  const { origin, pathname, search } = new URL(url)
  const pool = new Pool(origin, {
    connections,
    pipelining: 1,
    keepAliveTimeout: 30_000,
    maxResponseSize: answerAtMost,
    connect: { timeout: deadlineMs },
  })
  return {
    /**
     * One verdict for each message, in order; throws if that is not what comes back within the deadline. Asked once more, with the
     * same `webhook-id`, where the connection ended before an answer began: a server may close one that was idle just then
     * (RFC 9112, 9.3.1).
     */
    async ask(messages: object[]): Promise<Verdict[]> {
      const id = `hook_${randomUUID()}`
      const now = new Date()
      const timestamp = Math.floor(now.getTime() / 1_000)
      const body = bodyOf('message.sending', now, { messages })
      const signal = AbortSignal.timeout(deadlineMs)
      const request = () =>
        pool.request({
          method: 'POST',
          path: `${pathname}${search}`,
          headers: {
            'content-type': 'application/json',
            'webhook-id': id,
            'webhook-timestamp': String(timestamp),
            'webhook-signature': sign(secrets, { id, timestamp, body }),
          },
          body,
          signal,
        })
      const response = await request().catch((cause: unknown) => {
        if (!isLostConnection(cause)) throw cause
        return request()
      })
      if (response.statusCode !== 200) {
        await discard(response.body)
        throw new Error(`the hook answered ${response.statusCode}`)
      }
      const { verdicts } = Verdicts.parse(await response.body.json())
      // What it says is stored: it is held to what Postgres can hold, as any input is.
      checkBounds(verdicts)
      if (verdicts.length !== messages.length) throw new Error('the hook gave another number of verdicts')
      return verdicts
    },
    [Symbol.asyncDispose]: () => pool.destroy(),
  }
}

function isLostConnection(cause: unknown): boolean {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
  return code === 'UND_ERR_SOCKET' || code === 'ECONNRESET' || code === 'EPIPE'
}
