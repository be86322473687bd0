import { z } from 'zod'
import type { FormPlan } from './form-plans.ts'
import { maxSide } from './limits.ts'

/** What the process that reads images is asked. Paths are local; the files it makes go into `directory`. */
export interface TransformRequest {
  file: string
  directory: string
  /** What the first bytes said the file is. A decoder that finds something else refuses it. */
  contentType: string
  /** Whether the image itself is written anew, upright and without its metadata. */
  shown: boolean
  /** `inside`: the whole picture, made smaller. `cover`: a square out of its middle. */
  fit: 'inside' | 'cover'
  forms: FormPlan[]
}

const side = z.int().positive().max(maxSide)
/** A name in `directory`, and not a way out of it. */
const madeFile = z.string().regex(/^[a-z0-9-]+(\.[a-z]+)?$/)

/** What it answers. It reads hostile files, so its word is parsed too. */
export const TransformReply = z.discriminatedUnion('ok', [
  z.object({
    ok: z.literal(true),
    width: side,
    height: side,
    animated: z.boolean(),
    shown: z
      .object({
        contentType: z.enum(['image/jpeg', 'image/png', 'image/webp', 'image/gif']),
        sizeBytes: z.int().positive(),
        file: madeFile,
      })
      .optional(),
    forms: z
      .array(
        z.object({
          name: z.string().max(16),
          contentType: z.enum(['image/avif', 'image/webp', 'image/jpeg']),
          width: side,
          height: side,
          file: madeFile,
        }),
      )
      .max(16),
    thumbhash: z.base64().max(64),
  }),
  z.object({
    ok: z.literal(false),
    /** `internal` is not the file's fault. */
    failure: z.enum(['unreadable', 'too_many_pixels', 'internal']),
    reason: z.string().optional(),
  }),
])
export type TransformReply = z.output<typeof TransformReply>
