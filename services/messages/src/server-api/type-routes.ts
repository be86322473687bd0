import type { HttpApp } from '@parley/shared/http'
import { z } from 'zod'
import type { Context } from '../context.ts'
import { AppType, MessageTypeSetting, RegisteredType, toRegistered } from '../message-types/message-type.ts'
import { registerType, removeType } from '../message-types/register-type.ts'
import { listTypes } from '../message-types/store.ts'

const ByType = z.strictObject({ type: AppType })
const config = { scope: 'types:write' } as const

export function typeRoutes(app: HttpApp, ctx: Context): void {
  app.get(
    '/server/v1/message-types',
    { config, schema: { response: { 200: z.object({ types: z.array(RegisteredType) }) } } },
    async () => ({ types: (await listTypes(ctx.db)).map(toRegistered) }),
  )
  app.put(
    '/server/v1/message-types/:type',
    { config, schema: { params: ByType, body: MessageTypeSetting, response: { 200: RegisteredType } } },
    async (request) => toRegistered(await registerType(ctx, request.params.type, request.body)),
  )
  app.delete(
    '/server/v1/message-types/:type',
    { config, schema: { params: ByType } },
    async (request, reply) => {
      await removeType(ctx, request.params.type)
      return reply.status(204).send()
    },
  )
}
