import { Switches } from '@parley/shared/content'
import { z } from 'zod'

/** A digest with places for fields of the content: `sent {title}`. */
const Template = z.string().trim().min(1).max(256)

/** What an operator says of a type: what becomes of its messages, what is shown of them, how large they may be. */
export const MessageTypeSetting = z.strictObject({
  switches: Switches.partial().default({}),
  /** What lists and alerts show, unless the sender says it. */
  digest: Template.optional(),
  /** The same in other languages (BCP 47, the first subtag counts), for alerts. */
  digests: z
    .record(z.string().regex(/^[a-z]{2,3}$/, 'a language, such as de'), Template)
    .refine((digests) => Object.keys(digests).length <= 50, 'at most 50 languages')
    .default({}),
  /** Of the content, as JSON. */
  maxBytes: z.int().min(2).max(20_480).optional(),
})
export type MessageTypeSetting = z.output<typeof MessageTypeSetting>

export interface MessageType {
  type: string
  switches: Switches
  digest: string | null
  digests: Record<string, string>
  maxBytes: number | null
}
