import type { HttpApp } from '@parley/shared/http'
import { z } from 'zod'
import type { Context } from '../context.ts'
import { replayLetters } from './replay-letters.ts'

const LetterId = z.string().regex(/^\d{1,16}-\d{1,16}$/)
const Page = z.strictObject({
  before: LetterId.optional(),
  limit: z.coerce.number().int().min(1).max(500).default(100),
})
const Replay = z.strictObject({ ids: z.array(LetterId).min(1).max(100) })

/** For operators, on the internal port. */
export function deadLetterAdmin(app: HttpApp, ctx: Context): void {
  app.get('/admin/push/dead-letters', { schema: { querystring: Page } }, async ({ query }) => {
    const letters = await ctx.deadLetters.list(query)
    const last = letters.at(-1)
    return { letters, ...(letters.length === query.limit && last ? { before: last.id } : {}) }
  })
  app.post('/admin/push/dead-letters/replay', { schema: { body: Replay } }, async ({ body }) => ({
    replayed: await replayLetters(ctx, body.ids),
  }))
}
