import type { HttpApp } from '@parley/shared/http'
import { UserId } from '@parley/shared/ids'
import { z } from 'zod'
import { deleteAccount } from '../accounts/delete-account.ts'
import { Suspension } from '../accounts/routes.ts'
import { restoreAccount, suspendAccount } from '../accounts/suspend-account.ts'
import type { Context } from '../context.ts'
import { changeProfile } from '../directory/change-profile.ts'
import { OwnProfile, ProfileChange } from '../directory/profile.ts'
import { revokeSessions } from '../sessions/end-session.ts'
import { ImportedUser, importUsers } from './import-users.ts'
import { readUser } from './read-user.ts'

const ByUser = z.strictObject({ userId: UserId })
const Import = z.strictObject({ users: z.array(ImportedUser).min(1).max(500) })
const Imported = z.object({
  results: z.array(
    z.object({
      userId: z.string(),
      result: z.enum(['created', 'already', 'refused']),
      /** Of a refusal. */
      reason: z.enum(['named-twice', 'id-differs-in-case']).optional(),
    }),
  ),
})
const User = OwnProfile.extend({
  createdAt: z.iso.datetime(),
  suspendedAt: z.iso.datetime().optional(),
  suspensionReason: z.string().optional(),
})

const read = { scope: 'users:read' } as const
const write = { scope: 'users:write' } as const

export function userRoutes(app: HttpApp, ctx: Context): void {
  app.post(
    '/server/v1/users',
    { config: write, schema: { body: Import, response: { 200: Imported } } },
    async (request) => ({ results: await importUsers(ctx, request.body.users) }),
  )
  app.get(
    '/server/v1/users/:userId',
    { config: read, schema: { params: ByUser, response: { 200: User } } },
    async (request) => readUser(ctx, request.params.userId),
  )
  app.patch(
    '/server/v1/users/:userId',
    { config: write, schema: { params: ByUser, body: ProfileChange, response: { 200: OwnProfile } } },
    async (request) => changeProfile(ctx, request.params.userId, request.body),
  )
  app.delete(
    '/server/v1/users/:userId',
    { config: write, schema: { params: ByUser } },
    async (request, reply) => {
      await deleteAccount(ctx, request.params.userId)
      return reply.status(204).send()
    },
  )
  app.put(
    '/server/v1/users/:userId/suspension',
    { config: write, schema: { params: ByUser, body: Suspension } },
    async (request, reply) => {
      await suspendAccount(ctx, request.params.userId, request.body)
      return reply.status(204).send()
    },
  )
  app.delete(
    '/server/v1/users/:userId/suspension',
    { config: write, schema: { params: ByUser } },
    async (request, reply) => {
      await restoreAccount(ctx, request.params.userId)
      return reply.status(204).send()
    },
  )
  app.delete(
    '/server/v1/users/:userId/sessions',
    { config: write, schema: { params: ByUser } },
    async (request, reply) => {
      await readUser(ctx, request.params.userId)
      await revokeSessions(ctx, request.params.userId)
      return reply.status(204).send()
    },
  )
}
