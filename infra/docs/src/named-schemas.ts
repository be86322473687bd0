import { ListedConversation } from '@parley/shared/conversation-events'
import { ConversationSummary, Entry } from '@parley/shared/entry'
import { MediaFacts, MediaObject } from '@parley/shared/media'
import { Contact, ConversationChange, MessageDraft, Profile, SyncPage } from '@parley/shared/protocol'
import { z } from 'zod'

/** Schemas that many others hold: each stands once in a document, under its name. */
export const namedSchemas = z.registry<{ id: string }>()
for (const [id, schema] of Object.entries({
  Contact,
  ConversationChange,
  ConversationSummary,
  Entry,
  ListedConversation,
  MediaFacts,
  MediaObject,
  MessageDraft,
  Profile,
  SyncPage,
}))
  namedSchemas.add(schema, { id })

/** What a schema takes apart before it looks at it is described by what it then looks at; a check of ours, by its own words. */
export function describePreprocessed({
  zodSchema,
  jsonSchema,
}: {
  zodSchema: z.core.$ZodTypes
  jsonSchema: z.core.JSONSchema.BaseSchema
}): void {
  const { def } = zodSchema._zod
  if (def.type === 'custom') Object.assign(jsonSchema, z.globalRegistry.get(zodSchema))
  if (def.type !== 'pipe' || def.in._zod.def.type !== 'transform') return
  const { $schema: _version, ...inner } = z.toJSONSchema(def.out, { io: 'input', unrepresentable: 'any' })
  Object.assign(jsonSchema, inner)
}
