import { z } from 'zod'

/** What the process that reads images is asked. Paths are local; the files it makes go into `directory`. */
export interface TransformRequest {
  file: string
  directory: string
  /** What the first bytes said the file is. A decoder that finds something else refuses it. */
  contentType: string
}

/** What it answers. It reads hostile files, so its word is parsed too. */
export const TransformReply = z.discriminatedUnion('ok', [
  z.object({
    ok: z.literal(true),
    contentType: z.enum(['image/jpeg', 'image/png', 'image/webp', 'image/gif']),
    sizeBytes: z.int().positive(),
    width: z.int().positive(),
    height: z.int().positive(),
    thumbnail: z.object({ width: z.int().positive(), height: z.int().positive() }),
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

/** Names of the files made in `directory`. */
export const outputFiles = { shown: 'shown', thumbnail: 'thumbnail' } as const
