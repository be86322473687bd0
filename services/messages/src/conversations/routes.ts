import type { HttpApp } from '@parley/shared/http'
import { ConversationId, UserId } from '@parley/shared/ids'
import { ConversationSummary } from '@parley/shared/protocol'
import { z } from 'zod'
import type { Context } from '../context.ts'
import { notAMember } from '../errors.ts'
import { authenticate } from '../sessions/authenticate.ts'
import { addMembers } from './add-members.ts'
import { createGroup } from './create-group.ts'
import { maxUsersPerCall } from './limits.ts'
import * as store from './store.ts'

const userIds = z.array(UserId).max(maxUsersPerCall)
const NewGroup = z.strictObject({
  conversationId: ConversationId.refine(
    (id) => !/^[ds]-/.test(id),
    'd- and s- begin the ids of direct conversations and own logs',
  ).optional(),
  name: z.string().trim().min(1).max(128),
  userIds,
})
const Outcome = z.object({
  summary: ConversationSummary,
  added: z.array(z.string()),
  refused: z.array(z.object({ userId: z.string(), reason: z.string() })),
})
const Target = z.object({ conversationId: ConversationId })
const Page = z.object({
  after: z.string().max(64).default(''),
  limit: z.coerce.number().int().min(1).max(500).default(100),
})
const Members = z.object({
  members: z.array(z.object({ userId: z.string(), role: z.string(), displayName: z.string().nullable() })),
  complete: z.boolean(),
})

export function conversationRoutes(app: HttpApp, ctx: Context): void {
  app.post(
    '/v1/conversations',
    { schema: { body: NewGroup, response: { 201: Outcome } } },
    async (request, reply) => {
      const { userId } = await authenticate(ctx, request)
      return reply.status(201).send(await createGroup(ctx, userId, request.body))
    },
  )

  app.post(
    '/v1/conversations/:conversationId/members',
    {
      schema: {
        params: Target,
        body: z.strictObject({ userIds: userIds.min(1) }),
        response: { 200: Outcome },
      },
    },
    async (request) => {
      const { userId } = await authenticate(ctx, request)
      return addMembers(ctx, userId, request.params.conversationId, request.body.userIds)
    },
  )

  app.get(
    '/v1/conversations/:conversationId/members',
    { schema: { params: Target, querystring: Page, response: { 200: Members } } },
    async (request) => {
      const { userId } = await authenticate(ctx, request)
      const { conversationId } = request.params
      if (!(await store.findRole(ctx.db, conversationId, userId))) throw notAMember()
      const members = await store.listMembers(ctx.db, conversationId, request.query)
      return { members, complete: members.length < request.query.limit }
    },
  )
}
