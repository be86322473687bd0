import type { Kysely } from 'kysely'
import type { Database } from '../db/schema.ts'
import { listMemberIds } from './absentees-store.ts'
import type { NotedSpan } from './silences.ts'

/** Member ids kept over all conversations; the oldest conversations go first. */
const maxKept = 500_000

interface Kept {
  membersVersion: number
  userIds: string[]
}

/**
 * Who is in the conversations that are written to, so that "is anybody away?" costs no query while nobody joins or
 * leaves: a commit says what version of the members it saw, and a list of another version is read anew, as is that of
 * a commit which does not say.
 */
export function createMemberCache(db: Kysely<Database>) {
  const kept = new Map<string, Kept>()
  let size = 0

  function keep(conversationId: string, entry: Kept): void {
    size += entry.userIds.length - (kept.get(conversationId)?.userIds.length ?? 0)
    kept.delete(conversationId)
    kept.set(conversationId, entry)
    for (const [oldest, { userIds }] of kept) {
      if (size <= maxKept) return
      kept.delete(oldest)
      size -= userIds.length
    }
  }

  return {
    /** By conversation. */
    async membersOf(spans: NotedSpan[]): Promise<Map<string, string[]>> {
      const unknown = spans.filter(
        ({ conversationId, membersVersion }) =>
          membersVersion === undefined || kept.get(conversationId)?.membersVersion !== membersVersion,
      )
      for (const row of await listMemberIds(
        db,
        unknown.map(({ conversationId }) => conversationId),
      )) {
        keep(row.conversationId, { membersVersion: row.membersVersion, userIds: row.userIds })
      }
      return new Map(
        spans.map(({ conversationId }) => [conversationId, kept.get(conversationId)?.userIds ?? []]),
      )
    },
  }
}
