import { AppError } from '@parley/shared/errors'
import { createInternalApp } from '@parley/shared/internal-http'
import { createLogger } from '@parley/shared/log'
import { createMetrics } from '@parley/shared/metrics'
import type { Rpc } from '@parley/shared/rpc'

export type RpcHandlers = {
  [M in keyof Rpc]?: (request: Rpc[M]['request']) => Rpc[M]['reply'] | Promise<Rpc[M]['reply']>
}

interface InternalPeerOptions {
  secret: string
  /** Looked up at each call, so a test may put others in their place. A method without one is answered `not_found`. */
  handlers: RpcHandlers
}

export interface InternalPeer extends AsyncDisposable {
  url: string
}

/** Stands where another service stands: its internal port, over real HTTP, with the answers a test gives it. */
export async function startInternalPeer({ secret, handlers }: InternalPeerOptions): Promise<InternalPeer> {
  const app = createInternalApp({
    log: createLogger('peer', { level: 'silent' }),
    metrics: createMetrics('peer'),
    secret,
    ready: async () => {},
  })
  app.post('/rpc/*', async (request) => {
    const method = (request.params as { '*': string })['*']
    const handle = handlers[method as keyof Rpc] as ((asked: unknown) => unknown) | undefined
    if (!handle) throw new AppError('not_found', `this peer does not answer ${method}`)
    return handle(request.body)
  })
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  return {
    url,
    async [Symbol.asyncDispose]() {
      app.server.closeAllConnections()
      await app.close()
    },
  }
}
