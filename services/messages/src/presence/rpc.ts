import type { HttpApp } from '@parley/shared/http'
import { serveRpc } from '@parley/shared/internal-http'
import { toBatchReply } from '@parley/shared/rpc'
import type { Context } from '../context.ts'
import { listVisible, saveLastSeen } from './store.ts'

/** For the gateways, which know who is there: who may see it, and when they were. */
export function presenceRpc(app: HttpApp, { db }: Pick<Context, 'db'>): void {
  serveRpc(app, 'presence/visible', async ({ asks }) => {
    const rows = await listVisible(
      db,
      asks.flatMap(({ userId: seenBy, otherIds }) => otherIds.map((userId) => ({ userId, seenBy }))),
    )
    const bySeer = Map.groupBy(rows, ({ seenBy }) => seenBy)
    return toBatchReply(
      asks.map(({ userId, otherIds }) => {
        const asked = new Set<string>(otherIds)
        const visible = bySeer.get(userId)?.filter((row) => asked.has(row.userId)) ?? []
        return {
          visible: visible.map((row) => ({
            userId: row.userId,
            ...(row.lastSeenAt ? { lastSeenAt: row.lastSeenAt.toISOString() } : {}),
          })),
        }
      }),
    )
  })
  serveRpc(app, 'presence/seen', async ({ seen }) => {
    await saveLastSeen(db, seen)
    return {}
  })
}
