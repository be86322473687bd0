import type { Kysely } from 'kysely'
import type { Database } from '../db/schema.ts'
import { tooManyContacts, tooManyRequests } from '../errors.ts'
import { limits } from './limits.ts'
import type { Relation } from './relation.ts'
import { countRelations } from './store.ts'

const bounded = { contact: 'contacts', received: 'received', requested: 'requested' } as const

/**
 * Whether one side of a pair may become what a change makes of it. The numbers are exact, because whoever changes
 * a relation holds the own logs of both.
 */
export async function checkLimits(
  db: Kysely<Database>,
  userId: string,
  { before, after }: { before: Relation | undefined; after: Relation },
): Promise<void> {
  const entersState = after.state !== before?.state && after.state in bounded
  const entersBlock = after.blocked && !before?.blocked
  if (!entersState && !entersBlock) return
  const counts = await countRelations(db, userId)
  if (!before && counts.relations >= limits.relations) throw tooManyContacts()
  if (entersBlock && counts.blocked >= limits.blocked) throw tooManyContacts()
  if (!entersState) return
  const kind = bounded[after.state as keyof typeof bounded]
  if (counts[kind] >= limits[kind]) throw tooManyContacts()
  if (kind === 'requested' && counts.askedLately >= limits.requestsPerHour) throw tooManyRequests()
}
