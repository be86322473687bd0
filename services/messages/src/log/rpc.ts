import { AppError } from '@parley/shared/errors'
import type { HttpApp } from '@parley/shared/http'
import { serveRpc } from '@parley/shared/internal-http'
import type { LogQuery, SyncQuery } from '@parley/shared/protocol'
import type { Context } from '../context.ts'
import { readLog } from './read-log.ts'
import { sync } from './sync.ts'

/** Reads that a gateway passes on, already parsed there by the protocol table. */
export function logRpc(app: HttpApp, ctx: Context): void {
  serveRpc(app, 'events/ask', async ({ identity, event, request }) => {
    switch (event) {
      case 'log:read':
        return readLog(ctx, identity.userId, request as LogQuery)
      case 'log:sync':
        return sync(ctx, identity.userId, request as SyncQuery)
      default:
        throw new AppError('unknown_event', 'messages knows no such event')
    }
  })
}
