import { z } from 'zod'
import { MediaId, UserId } from './ids.ts'

const appType = /^[a-z][a-z0-9-]*(\.[a-z0-9-]+)+$/

const caption = z.string().max(4_096).optional()

/** What each type of message carries. An app's own type has a dot in its name and any JSON object as content. */
export const contentByType = {
  text: z.strictObject({ text: z.string().min(1).refine(utf8AtMost(16_384), 'at most 16 KB') }),
  image: z.strictObject({ mediaId: MediaId, caption }),
  video: z.strictObject({ mediaId: MediaId, caption }),
  voice: z.strictObject({ mediaId: MediaId, durationMs: z.int().positive().max(3_600_000).optional() }),
  file: z.strictObject({ mediaId: MediaId, caption }),
  location: z.strictObject({
    latitude: z.number().min(-90).max(90),
    longitude: z.number().min(-180).max(180),
    name: z.string().max(256).optional(),
    detail: z.string().max(1_024).optional(),
  }),
  sticker: z.strictObject({
    stickerId: z.string().min(1).max(128),
    packId: z.string().max(128).optional(),
    /** What it says, for those who cannot see it. */
    label: z.string().max(128).optional(),
  }),
  /** The card of a person, who may have an account here or not. */
  contact: z.strictObject({
    name: z.string().min(1).max(128),
    userId: UserId.optional(),
    phones: z.array(z.string().max(32)).max(10).optional(),
    emails: z.array(z.string().max(254)).max(10).optional(),
  }),
  /** What apps encrypt from end to end: nothing here reads it, and only `digest` says anything of it. */
  encrypted: z.strictObject({
    /** How, for the apps to know, as `mls-1` or `olm.v2`. */
    scheme: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'a name of letters, digits, dots, dashes'),
    ciphertext: z.base64().min(1).max(24_576),
    /** Which key, session or device it is for. */
    keyId: z.string().min(1).max(128).optional(),
  }),
  /** For the app itself: not shown, not counted, not pushed. */
  command: z.strictObject({
    name: z.string().min(1).max(128),
    data: z.record(z.string(), z.unknown()).refine(jsonAtMost(16_384), 'at most 16 KB as JSON').optional(),
  }),
} as const

export type BuiltInType = keyof typeof contentByType

export const isBuiltIn = (type: string): type is BuiltInType => Object.hasOwn(contentByType, type)

/** What becomes of a message of some type: four independent switches. */
export const Switches = z.strictObject({
  /** Kept in the log. If not, whoever is connected hears it, and nobody else ever does. */
  stored: z.boolean(),
  /** Counted as unread. */
  counted: z.boolean(),
  /** Told to people who are away. */
  pushed: z.boolean(),
  /** Given to the sender's other devices. */
  synced: z.boolean(),
})
export type Switches = z.output<typeof Switches>

const ordinary: Switches = { stored: true, counted: true, pushed: true, synced: true }

/** Where nothing else is registered for a type. */
export function builtInSwitches(type: string): Switches {
  return type === 'command' ? { ...ordinary, counted: false, pushed: false } : ordinary
}

/** In `mentions`: everybody in the conversation. No user id begins with @. */
export const everybody = '@all'

export const MessageType = z
  .string()
  .max(64)
  .refine(
    (type) => type in contentByType || appType.test(type),
    `one of ${Object.keys(contentByType).join(', ')}, or a name of your own with a dot in it`,
  )

/** Any JSON object; what may be in it depends on the type, so `checkContent` looks at that. */
export const Content = z
  .custom<Record<string, unknown>>(
    (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
    'an object',
  )
  .meta({ type: 'object', additionalProperties: true })
export type Content = z.output<typeof Content>

const isSmallEnough = jsonAtMost(20_480)

/** Whether content is what its type asks for; to be used as a refinement of the draft that holds both. */
export function checkContent(
  draft: { type: string; content: Record<string, unknown> },
  ctx: z.RefinementCtx,
): void {
  const schema = contentByType[draft.type as BuiltInType]
  if (!schema) {
    if (!isSmallEnough(draft.content))
      ctx.addIssue({ code: 'custom', message: 'at most 20 KB as JSON', path: ['content'] })
    return
  }
  const result = schema.safeParse(draft.content)
  if (result.success) return
  for (const issue of result.error.issues) {
    ctx.addIssue({ code: 'custom', message: issue.message, path: ['content', ...issue.path] })
  }
}

/** The media a message refers to, if its type refers to any. */
export function mediaIdOf(draft: { type: string; content: Record<string, unknown> }): MediaId | undefined {
  const refers =
    draft.type === 'image' || draft.type === 'video' || draft.type === 'voice' || draft.type === 'file'
  return refers ? (draft.content['mediaId'] as MediaId) : undefined
}

/** Whether a value is at most so long as JSON in UTF-8. */
export function jsonAtMost(bytes: number) {
  return (value: unknown) => Buffer.byteLength(JSON.stringify(value)) <= bytes
}

function utf8AtMost(bytes: number) {
  return (text: string) => Buffer.byteLength(text) <= bytes
}
