import type { HttpApp } from '@parley/shared/http'
import { UserId } from '@parley/shared/ids'
import { z } from 'zod'
import type { Context } from '../context.ts'
import { userIdTaken } from '../errors.ts'
import { hashPassword } from './passwords.ts'
import * as store from './store.ts'

const NewAccount = z.strictObject({
  userId: UserId,
  password: z.string().min(8).max(256),
  displayName: z.string().trim().min(1).max(128).optional(),
})

export function accountRoutes(app: HttpApp, ctx: Context): void {
  app.post(
    '/v1/accounts',
    { schema: { body: NewAccount, response: { 201: z.object({ userId: z.string() }) } } },
    async (request, reply) => {
      const { userId, password, displayName = null } = request.body
      const passwordHash = await hashPassword(password, ctx.config.passwords)
      if (!(await store.insertAccount(ctx.db, { userId, passwordHash, displayName }))) throw userIdTaken()
      return reply.status(201).send({ userId })
    },
  )
}
