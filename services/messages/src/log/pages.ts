import { createBatcher } from '@parley/shared/batcher'
import { AppError } from '@parley/shared/errors'
import type { Kysely } from 'kysely'
import type { Database } from '../db/schema.ts'
import * as store from './changes-store.ts'

/** Each may hold hundreds of entries. */
const maxBatch = 20
const maxQueued = 10_000
/** Of pages whose size nobody chose (50, and one to see whether there is more): those of a batch have one size. */
const usualLimit = 51

/**
 * Reads pages of syncs. Those that devices ask for when they come back are read together while there are many; each gets what
 * it would get alone.
 */
export function createPages(db: Kysely<Database>) {
  const returns = createBatcher<store.ReturnQuery, store.Changes>({ maxBatch, maxQueued, run: readMany })

  async function readMany(queries: store.ReturnQuery[]): Promise<(store.Changes | AppError)[]> {
    const [only] = queries
    if (only && queries.length === 1) return [await store.listChanges(db, only)]
    try {
      return await store.listChangesOfMany(db, queries)
    } catch {
      // Nobody's failure is another's.
      return Promise.all(
        queries.map((query) => store.listChanges(db, query).catch((cause: unknown) => AppError.from(cause))),
      )
    }
  }

  return (query: store.ChangesQuery): Promise<store.Changes> => {
    const { since, after, limit } = query
    return since && !after && limit === usualLimit
      ? returns.add({ ...query, since, after })
      : store.listChanges(db, query)
  }
}

export type Pages = ReturnType<typeof createPages>
