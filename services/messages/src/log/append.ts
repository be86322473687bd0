import { sql, type Transaction } from 'kysely'
import type { Database } from '../db/schema.ts'
import { type LogRow, plainEntry } from './entry.ts'

/** An entry that tells of something that happened, rather than a message. */
export interface Happening {
  conversationId: string
  senderId: string
  kind: string
  type: string
  content: Record<string, unknown>
  /** The message it is about. */
  targetSeq?: number
  counted?: boolean
  pushed?: boolean
  synced?: boolean
}

export interface Appended {
  row: LogRow
  /** The row that remembers what is still to be announced. */
  dispatchId: number
}

interface AppendOptions {
  /** Whether it moves the conversation up in lists. */
  isActivity: boolean
  /** Whether it changes who may do what, so that no send may rest on what was before. */
  changesMembers: boolean
}

/** Appends to a log inside the caller's transaction, which holds the conversation's row, and notes the announcement. */
export async function appendEntry(
  trx: Transaction<Database>,
  happening: Happening,
  { isActivity, changesMembers }: AppendOptions,
): Promise<Appended> {
  const {
    conversationId,
    counted = false,
    pushed = false,
    synced = true,
    targetSeq = null,
    content,
    ...rest
  } = happening
  const now = sql<Date>`greatest(entry_at, now())`
  const {
    lastSeq: seq,
    lastCount,
    entryAt: sentAt,
  } = await trx
    .updateTable('conversation')
    .set((eb) => ({
      lastSeq: eb('lastSeq', '+', 1),
      lastCount: eb('lastCount', '+', Number(counted)),
      membersVersion: eb('membersVersion', '+', Number(changesMembers)),
      ...(isActivity ? { lastAt: now, shownSeq: eb('lastSeq', '+', 1) } : {}),
      entryAt: now,
      changedXid: sql`pg_current_xact_id()`,
    }))
    .where('conversationId', '=', conversationId)
    .returning(['lastSeq', 'lastCount', 'entryAt'])
    .executeTakeFirstOrThrow()
  const row = { ...plainEntry, ...rest, conversationId, seq, targetSeq, counted, synced, sentAt }
  await trx
    .insertInto('entry')
    .values({ ...row, content: JSON.stringify(content), pushed, count: lastCount })
    .execute()
  const { dispatchId } = await trx
    .insertInto('dispatch')
    .values({ conversationIds: [conversationId], firstSeqs: [seq], lastSeqs: [seq] })
    .returning('dispatchId')
    .executeTakeFirstOrThrow()
  return { row: { ...row, content }, dispatchId }
}
