import type { HttpApp } from '@parley/shared/http'
import { serveRpc } from '@parley/shared/internal-http'
import type { Context } from '../context.ts'
import { toTarget } from '../deliveries/due.ts'
import { listBadges } from '../deliveries/shown-store.ts'
import * as store from './store.ts'

const maxListed = 100

export function deviceRpc(app: HttpApp, ctx: Context): void {
  serveRpc(app, 'calls/targets', async ({ userIds }) => ({
    // Ringing leaves the badge as it is.
    targets: (await store.listCallTokens(ctx.db, userIds)).map((row) => toTarget(row, 0)),
  }))
  serveRpc(app, 'push-tokens/list', async ({ userId, deviceId }) => {
    const [rows, badges] = await Promise.all([
      store.listPushTokens(ctx.db, { userId, deviceId, limit: maxListed }),
      listBadges(ctx.db, [userId]),
    ])
    return { targets: rows.map((row) => toTarget(row, badges.get(userId) ?? 0)) }
  })
  serveRpc(app, 'push-tokens/forget', async ({ tokens }) => {
    for (const { value, since, ...dead } of tokens) {
      await store.forgetPushToken(ctx.db, { ...dead, token: value, since: new Date(since) })
    }
    return {}
  })
}
