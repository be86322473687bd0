import { listExisting } from '../accounts/store.ts'
import type { Context } from '../context.ts'
import { maxGroupsPerUser } from './limits.ts'
import * as store from './store.ts'

export interface PersonResult {
  userId: string
  result: 'done' | 'already' | 'pending' | 'refused'
  reason?: 'no-such-user' | 'in-too-many-groups' | 'group-is-full' | 'not-allowed' | 'not-a-member'
}

/** Sorts users into those who can become members of anything and those who cannot, with the reason. */
export async function admit({ db }: Pick<Context, 'db'>, userIds: string[]) {
  if (userIds.length === 0) return { admitted: [], refused: [] }
  const existing = await listExisting(db, userIds)
  const full = await store.listFull(db, userIds, maxGroupsPerUser)
  const admitted = userIds.filter((userId) => existing.has(userId) && !full.has(userId))
  const refused = userIds
    .filter((userId) => !admitted.includes(userId))
    .map((userId): PersonResult => ({
      userId,
      result: 'refused',
      reason: existing.has(userId) ? 'in-too-many-groups' : 'no-such-user',
    }))
  return { admitted, refused }
}
