import type { AgainQuery, DueDevices, DueQuery, DueReply, PushTarget } from '@parley/shared/delivery'
import type { ConversationId, DeviceId, UserId } from '@parley/shared/ids'
import type { Context } from '../context.ts'
import { createAlertBook } from './alert-book.ts'
import * as store from './due-store.ts'
import { listBadges } from './shown-store.ts'

/** Entries a user is told of in one go; the next are told when these have been. */
export const entriesAtOnce = 50

/**
 * Who is still to be told of these entries at this moment, and on which devices: what is delivered, read, told,
 * recalled, silenced or their own is not. Of what a user is told in one go, only the newest may have sound.
 */
export async function findDue(
  { db, messageTypes }: Pick<Context, 'db' | 'messageTypes'>,
  query: DueQuery,
): Promise<DueReply> {
  const rows = await store.claimDue(db, { ...query, entriesEach: entriesAtOnce })
  const [first] = rows
  if (!first) return { alerts: [], deliveries: [], more: [], asOf: '0' }
  const more = rows.filter(({ seqs }) => seqs.length === entriesAtOnce).map(({ userId }) => userId)
  return {
    ...(await toDevices({ db, messageTypes }, query.conversationId, rows)),
    more: [...new Set(more)] as UserId[],
    asOf: first.asOf,
  }
}

/**
 * What a device is told of one entry after its push was given up: without sound, and nothing if the user has got,
 * read or lost the entry meanwhile, or the device has no token any more.
 */
export async function findAgain(
  ctx: Pick<Context, 'db' | 'messageTypes'>,
  query: AgainQuery,
): Promise<DueDevices> {
  const rows = await store.findUndelivered(ctx.db, query)
  return toDevices(ctx, query.conversationId, rows)
}

async function toDevices(
  { db, messageTypes }: Pick<Context, 'db' | 'messageTypes'>,
  conversationId: ConversationId,
  rows: store.DueRow[],
): Promise<DueDevices> {
  const [badges, entries] = await Promise.all([
    listBadges(db, [...new Set(rows.map(({ userId }) => userId))]),
    store.listAlerted(db, conversationId, [...new Set(rows.flatMap(({ seqs }) => seqs))]),
  ])
  const types = await Promise.all(entries.map(async ({ type }) => messageTypes.find(type)))
  const book = createAlertBook(
    conversationId,
    entries.map((entry, i) => ({ ...entry, registered: types[i] })),
  )
  const deliveries = rows.map((row) => ({
    ...toTarget(row, badges.get(row.userId) ?? 0),
    alerts: book.placesFor(row),
    ...(row.again ? { again: true as const } : {}),
  }))
  return { alerts: book.alerts, deliveries }
}

export function toTarget(row: store.TokenRow, badge: number): PushTarget {
  return {
    userId: row.userId as UserId,
    deviceId: row.deviceId as DeviceId,
    platform: row.platform,
    token: {
      kind: row.kind,
      value: row.token,
      ...(row.topic === null ? {} : { topic: row.topic }),
      environment: row.environment,
      ...(row.keys === null ? {} : { keys: row.keys }),
      updatedAt: row.updatedAt.toISOString(),
    },
    badge,
  }
}
