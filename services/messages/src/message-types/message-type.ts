import { Switches } from '@parley/shared/content'
import { z } from 'zod'

/** A digest with places for fields of the content: `sent {title}`. */
const Template = z.string().trim().min(1).max(256)

/** Reserved for what the server itself tells of. */
const serversOwn = /^(group|contact|profile|call|parley)\./

/** The name of a type of the app's own. */
export const AppType = z
  .string()
  .max(64)
  .regex(/^[a-z][a-z0-9-]*(\.[a-z0-9-]+)+$/, 'lower case, with a dot in it')
  .refine(
    (type) => !serversOwn.test(type),
    'group., contact., profile., call. and parley. are the server’s own',
  )

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

/** As the server API tells it. */
export const RegisteredType = z.object({
  type: z.string(),
  switches: Switches,
  digest: z.string().optional(),
  digests: z.record(z.string(), z.string()),
  maxBytes: z.int().optional(),
})

export function toRegistered({ digest, maxBytes, ...type }: MessageType): z.output<typeof RegisteredType> {
  return {
    ...type,
    ...(digest === null ? {} : { digest }),
    ...(maxBytes === null ? {} : { maxBytes }),
  }
}
