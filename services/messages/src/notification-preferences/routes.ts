import type { HttpApp } from '@parley/shared/http'
import { ConversationId } from '@parley/shared/ids'
import { z } from 'zod'
import type { Context } from '../context.ts'
import { canonicalTimeZone } from '../deliveries/quiet-hours.ts'
import { notAMember } from '../errors.ts'
import { authenticate } from '../sessions/authenticate.ts'
import * as store from './store.ts'

const Target = z.object({ conversationId: ConversationId })

/** What a user is alerted of in a conversation. */
const ConversationNotifications = z.strictObject({
  level: z.enum(['all', 'mentions', 'none']),
  /** From then on it is `all` again. */
  until: z.iso.datetime().nullable().default(null),
  /** Whether a mention of everybody is told whatever the level. */
  mentionAll: z.boolean().default(true),
})

const Clock = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'HH:MM')
const TimeZone = z
  .string()
  .max(64)
  .transform((name, ctx) => {
    const zone = canonicalTimeZone(name)
    if (zone === undefined) ctx.addIssue({ code: 'custom', message: 'not a time zone' })
    return zone ?? z.NEVER
  })

/** How a user is alerted, whatever the conversation. */
const AccountNotifications = z.strictObject({
  /** Alerts are shown without sound. */
  quietHours: z.strictObject({ from: Clock, until: Clock, timeZone: TimeZone }).nullable().default(null),
  /** How much of a message an alert shows. */
  preview: z.enum(['full', 'sender', 'none']).default('full'),
})

/** As they stand. */
const ConversationAnswer = z.object({
  level: z.enum(['all', 'mentions', 'none']),
  until: z.iso.datetime().nullable(),
  mentionAll: z.boolean(),
})
const AccountAnswer = z.object({
  quietHours: z.object({ from: z.string(), until: z.string(), timeZone: z.string() }).nullable(),
  preview: z.enum(['full', 'sender', 'none']),
})

export function notificationRoutes(app: HttpApp, ctx: Context): void {
  const path = '/v1/conversations/:conversationId/notifications'

  app.get(path, { schema: { params: Target, response: { 200: ConversationAnswer } } }, async (request) => {
    const { userId } = await authenticate(ctx, request)
    const found = await store.findForConversation(ctx.db, userId, request.params.conversationId)
    if (!found) throw notAMember()
    return { ...found, until: found.until?.toISOString() ?? null }
  })

  app.put(path, { schema: { params: Target, body: ConversationNotifications } }, async (request, reply) => {
    const { userId } = await authenticate(ctx, request)
    const { until, ...rest } = request.body
    const target = { userId, conversationId: request.params.conversationId }
    const wish = { ...rest, until: until === null ? null : new Date(until) }
    if (!(await store.setForConversation(ctx.db, target, wish))) throw notAMember()
    return reply.status(204).send()
  })

  app.get('/v1/notifications', { schema: { response: { 200: AccountAnswer } } }, async (request) => {
    const { userId } = await authenticate(ctx, request)
    return store.findForAccount(ctx.db, userId)
  })

  app.put('/v1/notifications', { schema: { body: AccountNotifications } }, async (request, reply) => {
    const { userId } = await authenticate(ctx, request)
    await store.setForAccount(ctx.db, userId, request.body)
    return reply.status(204).send()
  })
}
