import type { UserId } from '@parley/shared/ids'
import type { LogPage, LogQuery } from '@parley/shared/protocol'
import type { Context } from '../context.ts'
import { notAMember } from '../errors.ts'
import { toEntry } from './entry.ts'
import * as store from './store.ts'

/** A page of a log as one member may see it: from where the member joined or cleared it, to its end. */
export async function readLog(
  { db }: Pick<Context, 'db'>,
  userId: UserId,
  { conversationId, after, before, limit }: LogQuery,
): Promise<LogPage> {
  const view = await store.findView(db, userId, conversationId)
  if (!view) throw notAMember()
  const upwards = after !== undefined
  const range = {
    after: Math.max(after ?? 0, view.floorSeq),
    before: Math.min(before ?? Number.MAX_SAFE_INTEGER, view.lastSeq + 1),
  }
  const rows = await store.listEntries(db, {
    conversationId,
    ...range,
    from: upwards ? 'start' : 'end',
    limit,
  })
  const reached = upwards
    ? (rows.at(-1)?.seq ?? view.lastSeq) >= view.lastSeq
    : (rows[0]?.seq ?? 0) <= view.floorSeq + 1
  return { entries: rows.map(toEntry), lastSeq: view.lastSeq, complete: reached || rows.length < limit }
}
