import { messageIdOf, type DeviceId, type UserId } from '@parley/shared/ids'
import type { Alert, Delivery, DueQuery, DueReply, PushTarget } from '@parley/shared/rpc'
import type { Context } from '../context.ts'
import { digestFor } from '../message-types/digest.ts'
import type { MessageType } from '../message-types/message-type.ts'
import { alertText } from './alert.ts'
import * as store from './due-store.ts'
import { isQuiet } from './quiet-hours.ts'
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
  if (!first) return { deliveries: [], more: [], asOf: '0' }
  const users = [...new Set(rows.map(({ userId }) => userId))]
  const [badges, entries] = await Promise.all([
    listBadges(db, users),
    store.listAlerted(db, query.conversationId, [...new Set(rows.flatMap(({ seqs }) => seqs))]),
  ])
  const types = await Promise.all(entries.map(({ type }) => messageTypes.find(type)))
  const entryOf = new Map(entries.map((entry, i) => [entry.seq, { ...entry, registered: types[i] }]))
  const more = rows.filter(({ seqs }) => seqs.length === entriesAtOnce).map(({ userId }) => userId)
  return {
    deliveries: rows.map((row): Delivery => ({
      ...toTarget(row, badges.get(row.userId) ?? 0),
      alerts: alertsOf(query.conversationId, row, entryOf),
    })),
    more: [...new Set(more)] as UserId[],
    asOf: first.asOf,
  }
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

function alertsOf(
  conversationId: string,
  row: store.DueRow,
  entryOf: Map<number, store.AlertedEntry & { registered: MessageType | undefined }>,
): Alert[] {
  const newest = row.seqs.at(-1) ?? 0
  const audible = newest > row.audibleAfter && !isQuietFor(row)
  return row.seqs.flatMap((seq) => {
    const entry = entryOf.get(seq)
    if (!entry) return []
    return [
      {
        messageId: messageIdOf(conversationId, seq),
        seq,
        ...alertText({ ...entry, digest: digestFor(entry.registered, entry, row.locale) }, row),
        sentAt: entry.sentAt.toISOString(),
        audible: audible && seq === newest,
      },
    ]
  })
}

function isQuietFor({ quietFrom: from, quietUntil: until, timeZone }: store.DueRow): boolean {
  return from !== null && until !== null && timeZone !== null && isQuiet({ from, until, timeZone })
}
