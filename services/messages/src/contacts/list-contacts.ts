import type { UserId } from '@parley/shared/ids'
import type { Context } from '../context.ts'
import * as store from './store.ts'

/**
 * What of a user's roster changed since a version, which is a seq of the user's own log. Ask again with `version`
 * until `complete`; a relation that changes between two pages is told again in a later one.
 */
export async function listContacts(
  { db }: Pick<Context, 'db'>,
  userId: UserId,
  { since, limit }: { since: number; limit: number },
) {
  const rows = await store.listRoster(db, { userId, since, limit: limit + 1 })
  const page = rows.slice(0, limit)
  return {
    contacts: page.map((row) => ({
      userId: row.otherId,
      state: row.state,
      blocked: row.blocked,
      ...(row.remark === null ? {} : { remark: row.remark }),
      ...(row.greeting === null ? {} : { greeting: row.greeting }),
      ...(row.displayName === null ? {} : { displayName: row.displayName }),
      ...(row.avatar === null ? {} : { avatar: row.avatar }),
      version: row.seq,
    })),
    version: page.at(-1)?.seq ?? since,
    complete: rows.length <= limit,
  }
}
