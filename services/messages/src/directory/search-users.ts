import type { UserId } from '@parley/shared/ids'
import type { Profile } from '@parley/shared/protocol'
import { z } from 'zod'
import type { Context } from '../context.ts'
import { decodePosition, encodePosition } from '../log/opaque-position.ts'
import { toProfile } from './profile.ts'
import * as store from './store.ts'

const Position = z.object({ term: z.string().max(64), userId: z.string().max(64) })

/** People whose id or name begins with the words, or a word of whose name does. Who does not wish to be found is not. */
export async function searchUsers(
  { db }: Pick<Context, 'db'>,
  seenBy: UserId,
  { query, cursor, limit }: { query: string; cursor?: string | undefined; limit: number },
): Promise<{ users: Profile[]; cursor?: string }> {
  const after = cursor === undefined ? null : decodePosition(Position, cursor)
  const rows = await store.listByPrefix(db, { words: query, after, seenBy, limit: limit + 1 })
  const page = rows.slice(0, limit)
  const last = page.at(-1)
  return {
    users: page.map(toProfile),
    ...(rows.length > limit && last
      ? { cursor: encodePosition<typeof Position>({ term: last.term, userId: last.userId }) }
      : {}),
  }
}
