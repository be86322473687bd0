import { messageIdOf, type DeviceId, type UserId } from '@parley/shared/ids'
import type { Delivery, DueQuery } from '@parley/shared/rpc'
import type { Context } from '../context.ts'
import { alertText } from './alert.ts'
import * as store from './store.ts'

/** Entries one job covers at most; each of them that is due becomes an alert. */
export const entriesPerJob = 50

/** Who is still to be told of these entries at this moment: not read, not delivered, not told, not muted, not the sender. */
export async function findDue({ db }: Pick<Context, 'db'>, query: DueQuery): Promise<Delivery[]> {
  const rows = await store.listDue(db, { ...query, entriesEach: entriesPerJob })
  if (rows.length === 0) return []
  const badges = await store.listBadges(db, [...new Set(rows.map(({ userId }) => userId))])
  const byToken = Map.groupBy(rows, (row) => `${row.userId}\n${row.deviceId}\n${row.kind}`)
  return [...byToken.values()].flatMap(([first, ...rest]) =>
    first ? [toDelivery(query.conversationId, first, [first, ...rest], badges.get(first.userId) ?? 0)] : [],
  )
}

function toDelivery(
  conversationId: string,
  device: store.DueRow,
  rows: store.DueRow[],
  badge: number,
): Delivery {
  return {
    userId: device.userId as UserId,
    deviceId: device.deviceId as DeviceId,
    platform: device.platform,
    token: {
      kind: device.kind,
      value: device.token,
      ...(device.topic === null ? {} : { topic: device.topic }),
      environment: device.environment,
      updatedAt: device.updatedAt.toISOString(),
    },
    badge,
    alerts: rows.map((row) => ({
      messageId: messageIdOf(conversationId, row.seq),
      seq: row.seq,
      ...alertText(row),
      sentAt: row.sentAt.toISOString(),
    })),
  }
}
