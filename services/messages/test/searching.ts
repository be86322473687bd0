import { sql } from 'kysely'
import { vi } from 'vitest'
import type { Context } from '../src/context.ts'

/** When the search index has caught up with these logs, or all of them. */
export async function indexed(
  { db }: Pick<Context, 'db'>,
  conversationIds: string[] | null = null,
): Promise<void> {
  await vi.waitUntil(
    async () => {
      const { rows } = await sql<{ behind: number }>`
        select count(*)::int as behind from conversation c
        left join search_progress p on p.conversation_id = c.conversation_id
        where c.kind <> 'self' and (${conversationIds}::text[] is null or c.conversation_id = any(${conversationIds}::text[])) and c.last_seq > coalesce(p.indexed_seq, 0)`.execute(
        db,
      )
      return rows[0]?.behind === 0
    },
    { interval: 50 },
  )
}
