import { ownConversationId, type UserId } from '@parley/shared/ids'
import type { Transaction } from 'kysely'
import type { Context } from '../context.ts'
import type { Database } from '../db/schema.ts'
import { plainEntry } from '../log/entry.ts'
import * as store from './store.ts'

/** What the log of one user is to be told of. */
export interface OwnEntry {
  /** Whose log. */
  userId: string
  /** Who did it: for the user's own doing nothing is counted or pushed. */
  senderId: string
  kind: 'contact' | 'profile'
  type: string
  content: Record<string, unknown>
  /** Whether it counts as unread. */
  counted: boolean
  /** Whether it is told to the user if they are away. */
  pushed: boolean
}

export interface AppendedOwn {
  entry: OwnEntry
  seq: number
  sentAt: Date
  dispatchId: number
}

/** Holds the own logs of these users until the transaction ends; opens those that are not there yet. */
export async function holdOwnLogs(trx: Transaction<Database>, userIds: string[]): Promise<void> {
  await store.openOwnLogs(trx, userIds)
  await store.lockOwnLogs(trx, userIds)
}

/**
 * Appends to users' own logs in the caller's transaction, at most one entry for each user, in the order given.
 * These are logs like any other, so numbers, sync, doorbells and pushes are those of every conversation. After
 * the commit the caller announces what was appended; should it die before, the sweep does.
 */
export async function appendOwn(trx: Transaction<Database>, entries: OwnEntry[]): Promise<AppendedOwn[]> {
  if (entries.length === 0) return []
  await holdOwnLogs(
    trx,
    entries.map(({ userId }) => userId),
  )
  const rows = new Map(
    (await store.insertOwnEntries(trx, entries)).map((row) => [row.conversationId, row] as const),
  )
  return entries.map((entry) => {
    const row = rows.get(ownConversationId(entry.userId as UserId))
    if (!row) throw new Error('an own log did not take its entry')
    return { entry, seq: row.seq, sentAt: row.sentAt, dispatchId: row.dispatchId }
  })
}

/** Rings at the users' devices. To be called after the commit. */
export function announceOwn({ dispatcher }: Pick<Context, 'dispatcher'>, appended: AppendedOwn[]): void {
  for (const { entry, seq, sentAt, dispatchId } of appended) {
    const conversationId = ownConversationId(entry.userId as UserId)
    const { userId, senderId, kind, type, content, counted } = entry
    const facts = {
      conversationId,
      kind: 'self' as const,
      policy: null,
      name: null,
      avatarUrl: null,
      userIds: [userId],
    }
    const row = { ...plainEntry, conversationId, seq, sentAt, senderId, kind, type, content, counted }
    dispatcher.announceEntry(row, { facts, dispatchId })
  }
}
