import type { UserId } from '@parley/shared/ids'
import type { LogPage, LogQuery } from '@parley/shared/protocol'
import type { Context } from '../context.ts'
import { notAMember } from '../errors.ts'
import { isSystem } from '../server-api/system.ts'
import { toEntryFor } from './entry.ts'
import * as store from './store.ts'

/** A page of a log as one member may see it: from where the member joined or cleared it, to its end. */
export async function readLog(
  { db }: Pick<Context, 'db'>,
  userId: UserId,
  { conversationId, after, before, beforeTime, limit }: LogQuery,
): Promise<LogPage> {
  const view = await (isSystem(userId)
    ? store.findWholeView(db, conversationId)
    : store.findView(db, userId, conversationId))
  if (!view) throw notAMember()
  const upwards = after !== undefined
  const end =
    beforeTime === undefined
      ? before
      : await store.findSeqAt(db, { conversationId, time: new Date(beforeTime), lastSeq: view.lastSeq })
  const range = {
    after: Math.max(after ?? 0, view.floorSeq),
    before: Math.min(end ?? Number.MAX_SAFE_INTEGER, view.lastSeq + 1),
  }
  const rows = await store.listEntries(db, {
    userId,
    hidesEntries: view.hidesEntries,
    conversationId,
    ...range,
    from: upwards ? 'start' : 'end',
    limit,
  })
  const reached = upwards
    ? (rows.at(-1)?.seq ?? view.lastSeq) >= view.lastSeq
    : (rows[0]?.seq ?? 0) <= view.floorSeq + 1
  return {
    entries: rows.map((row) => toEntryFor({ userId, floorSeq: view.floorSeq }, row)),
    lastSeq: view.lastSeq,
    complete: reached || rows.length < limit,
  }
}
