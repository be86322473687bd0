import { Seq } from '@parley/shared/entry'
import type { HttpApp } from '@parley/shared/http'
import { UserId } from '@parley/shared/ids'
import { Contact } from '@parley/shared/protocol'
import { z } from 'zod'
import type { Context } from '../context.ts'
import { authenticate } from '../sessions/authenticate.ts'
import { changeContact } from './change-contact.ts'
import { listContacts } from './list-contacts.ts'
import type { Change, Pair } from './relation.ts'
import * as rules from './rules.ts'

const Query = z.strictObject({
  since: z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER).default(0),
  limit: z.coerce.number().int().min(1).max(500).default(200),
})
const Roster = z.object({
  contacts: z.array(
    Contact.extend({ displayName: z.string().optional(), avatar: z.string().optional(), version: Seq }),
  ),
  version: Seq,
  complete: z.boolean(),
})
const words = (max: number) => z.string().trim().min(1).max(max)
const NewRequest = z.strictObject({ userId: UserId, greeting: words(256).optional() })
const Renaming = z.strictObject({ remark: words(128).nullable() })
const Target = z.object({ userId: UserId })
const answer = { params: Target, response: { 200: Contact } }

/** A user's contacts. Every change is told in the own logs of whom it concerns, so devices need no other event. */
export function contactRoutes(app: HttpApp, ctx: Context): void {
  app.get('/v1/contacts', { schema: { querystring: Query, response: { 200: Roster } } }, async (request) => {
    const { userId } = await authenticate(ctx, request)
    return listContacts(ctx, userId, request.query)
  })

  app.post(
    '/v1/contacts/requests',
    { schema: { body: NewRequest, response: { 200: Contact } } },
    async (request) => {
      const { userId } = await authenticate(ctx, request)
      const { userId: otherId, greeting = null } = request.body
      return changeContact(ctx, { userId, otherId }, (pair) =>
        rules.request(pair, { greeting, now: new Date() }),
      )
    },
  )

  app.patch('/v1/contacts/:userId', { schema: { ...answer, body: Renaming } }, async (request) => {
    const { userId } = await authenticate(ctx, request)
    return changeContact(ctx, { userId, otherId: request.params.userId }, (pair) =>
      rules.rename(pair, request.body),
    )
  })

  const change = (method: 'POST' | 'PUT' | 'DELETE', url: string, decide: (pair: Pair) => Change) =>
    app.route({
      method,
      url,
      schema: answer,
      handler: async (request) => {
        const { userId } = await authenticate(ctx, request)
        return changeContact(ctx, { userId, otherId: request.params.userId }, decide)
      },
    })
  change('POST', '/v1/contacts/:userId/accept', rules.accept)
  change('POST', '/v1/contacts/:userId/decline', rules.decline)
  change('DELETE', '/v1/contacts/:userId', rules.remove)
  change('PUT', '/v1/contacts/:userId/block', rules.block)
  change('DELETE', '/v1/contacts/:userId/block', rules.unblock)
}
