import { createBatcher } from '@parley/shared/batcher'
import { AppError } from '@parley/shared/errors'
import type { Kysely } from 'kysely'
import type { Database } from '../db/schema.ts'
import * as store from './store.ts'

/** Each may hold hundreds of entries. */
const maxBatch = 20
/** More than that is not answered before clients give up. */
const maxQueued = 10_000

/** How many conversations devices ask for that come back and are in no hurry for a page of another size. */
const usualLimit = 50 + 1

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
      return Promise.all(queries.map((query) => store.listChanges(db, query).catch(AppError.from)))
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
