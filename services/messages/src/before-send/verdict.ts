import { jsonAtMost } from '@parley/shared/content'
import { z } from 'zod'

/** What a hook says of one message. */
const Verdict = z.union([
  z.object({
    allow: z.literal(true),
    /** Takes the place of the sender's, for sends. */
    ext: z
      .record(z.string().max(128), z.unknown())
      .refine(jsonAtMost(4_096), 'at most 4 KB as JSON')
      .optional(),
  }),
  z.object({
    allow: z.literal(false),
    /** Told to the sender. */
    reason: z.string().trim().min(1).max(200).optional(),
  }),
])
export type Verdict = z.output<typeof Verdict>

/** Its answer: a verdict for each message, in their order. */
export const Verdicts = z.object({ verdicts: z.array(Verdict).max(256) })
