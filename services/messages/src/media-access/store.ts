import type { Kysely } from 'kysely'
import type { Database } from '../db/schema.ts'

/** Whether some message the user may see, not recalled, refers to the media. */
export async function isVisible(db: Kysely<Database>, userId: string, mediaId: string): Promise<boolean> {
  const row = await db
    .selectFrom('mediaReference as r')
    .innerJoin('member as m', (join) =>
      join.onRef('m.conversationId', '=', 'r.conversationId').on('m.userId', '=', userId),
    )
    .innerJoin('entry as e', (join) =>
      join.onRef('e.conversationId', '=', 'r.conversationId').onRef('e.seq', '=', 'r.seq'),
    )
    .select('r.seq')
    .where('r.mediaId', '=', mediaId)
    .whereRef('r.seq', '>', 'm.joinedSeq')
    .whereRef('r.seq', '>', 'm.clearedSeq')
    .where('e.recalledAt', 'is', null)
    .limit(1)
    .executeTakeFirst()
  return row !== undefined
}
