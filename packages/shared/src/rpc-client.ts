import { Client, Pool } from 'undici'
import { AppError, type InternalErrorBody } from './errors.ts'
import type { Rpc } from './rpc.ts'
import { during, type Tracing } from './tracing.ts'

/** Of those in order so many are unanswered at most. */
export const callsInLine = 2

interface RpcOptions {
  baseUrl: string
  secret: string
  connections?: number
  tracing?: Tracing | undefined
}

interface CallOptions {
  deadlineMs?: number
  /** The `traceparent` of what asks, if its trace is recorded. */
  trace?: string | undefined
  /**
   * Arrives after the calls before it that said so, of which one may be unanswered. For what may be repeated: when the
   * connection is lost the first of them fails, and what follows is sent again.
   */
  inOrder?: boolean
}

export interface RpcClient extends AsyncDisposable {
  call<M extends keyof Rpc>(
    method: M,
    request: Rpc[M]['request'],
    options?: CallOptions,
  ): Promise<Rpc[M]['reply']>
}

interface AskOptions extends Pick<CallOptions, 'deadlineMs' | 'inOrder'> {
  traceparent: string | undefined
}

/** Calls to one instance of a service. What its handler throws is thrown here again, with its code. */
export function openRpc({ baseUrl, secret, connections = 16, tracing }: RpcOptions): RpcClient {
  const settings = { keepAliveTimeout: 30_000, connect: { timeout: 2_000 } }
  const pool = new Pool(baseUrl, { ...settings, connections, pipelining: 1 })
  /** One connection, in which a call follows another before that is answered (RFC 9112, 9.3.2). */
  const line = new Client(baseUrl, { ...settings, pipelining: callsInLine })
  /** An answer that breaks off half-way is none. */
  async function ask(
    path: string,
    text: string,
    { deadlineMs = 10_000, inOrder = false, traceparent }: AskOptions,
  ) {
    const { statusCode, body } = await (inOrder ? line : pool).request({
      method: 'POST',
      path,
      idempotent: inOrder,
      blocking: !inOrder,
      headers: {
        'content-type': 'application/json',
        'x-parley-internal': secret,
        ...(traceparent === undefined ? {} : { traceparent }),
      },
      body: text,
      headersTimeout: deadlineMs,
      bodyTimeout: deadlineMs,
    })
    return { status: statusCode, body: await body.json() }
  }
  return {
    call(method, request, { trace, ...options } = {}) {
      const span = tracing?.follow(trace, method, { kind: 'client' })
      return during(span, async () => {
        const asked = ask(`/rpc/${method}`, JSON.stringify(request), {
          ...options,
          traceparent: span?.traceparent,
        })
        const { status, body } = await asked.catch((cause: unknown) => {
          throw new AppError('unavailable', 'a service cannot be reached', { cause, retryAfterMs: 500 })
        })
        if (status >= 400) throw AppError.fromBody((body as { error: InternalErrorBody }).error)
        return body as never
      })
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([pool.destroy(), line.destroy()])
    },
  }
}
