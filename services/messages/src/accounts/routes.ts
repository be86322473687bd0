import type { HttpApp } from '@parley/shared/http'
import { UserId } from '@parley/shared/ids'
import { z } from 'zod'
import type { Context } from '../context.ts'
import { userIdTaken } from '../errors.ts'
import { authenticate } from '../sessions/authenticate.ts'
import { revokeSessions } from '../sessions/end-session.ts'
import { changePassword } from './change-password.ts'
import { hashPassword } from './passwords.ts'
import * as store from './store.ts'
import { restoreAccount, suspendAccount } from './suspend-account.ts'

const Password = z.string().min(8).max(256)
const NewAccount = z.strictObject({
  userId: UserId,
  password: Password,
  displayName: z.string().trim().min(1).max(128).optional(),
})
const NewPassword = z.strictObject({ currentPassword: z.string().min(1).max(256), newPassword: Password })
const ByUser = z.strictObject({ userId: UserId })
export const Suspension = z.strictObject({
  reason: z
    .string()
    .trim()
    .min(1)
    .max(500)
    .refine((text) => !text.startsWith('@'), 'does not begin with @')
    .optional(),
})

export function accountRoutes(app: HttpApp, ctx: Context): void {
  app.post(
    '/v1/accounts',
    { schema: { body: NewAccount, response: { 201: z.object({ userId: z.string() }) } } },
    async (request, reply) => {
      ctx.addressLimits.signUps.take(request.ip)
      const { userId, password, displayName = null } = request.body
      const passwordHash = await hashPassword(password, ctx.config.passwords)
      if (!(await store.insertAccount(ctx.db, { userId, passwordHash, displayName }))) throw userIdTaken()
      return reply.status(201).send({ userId })
    },
  )
  app.put('/v1/accounts/current/password', { schema: { body: NewPassword } }, async (request, reply) => {
    await changePassword(ctx, await authenticate(ctx, request), request.body)
    return reply.status(204).send()
  })
}

/** For operators, on the internal port. */
export function accountAdmin(app: HttpApp, ctx: Context): void {
  app.put(
    '/admin/accounts/:userId/suspension',
    { schema: { params: ByUser, body: Suspension } },
    async (request, reply) => {
      await suspendAccount(ctx, request.params.userId, request.body)
      return reply.status(204).send()
    },
  )
  app.delete('/admin/accounts/:userId/suspension', { schema: { params: ByUser } }, async (request, reply) => {
    await restoreAccount(ctx, request.params.userId)
    return reply.status(204).send()
  })
  app.delete('/admin/accounts/:userId/sessions', { schema: { params: ByUser } }, async (request, reply) => {
    await revokeSessions(ctx, request.params.userId)
    return reply.status(204).send()
  })
}
