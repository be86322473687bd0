import type { HttpApp } from '@parley/shared/http'
import { PushTokenKind } from '@parley/shared/protocol'
import { z } from 'zod'
import type { Context } from '../context.ts'
import { authenticate } from '../sessions/authenticate.ts'
import * as store from './store.ts'

const Binding = z.strictObject({
  kind: PushTokenKind,
  token: z.string().min(1).max(4_096),
  /** APNs: the bundle id, if it is not the configured one. */
  topic: z.string().min(1).max(256).optional(),
  environment: z.enum(['sandbox', 'production']).default('production'),
})

export function deviceRoutes(app: HttpApp, ctx: Context): void {
  app.put('/v1/devices/current/push', { schema: { body: Binding } }, async (request, reply) => {
    const { userId, deviceId } = await authenticate(ctx, request)
    await store.bindPushToken(ctx.db, {
      userId,
      deviceId,
      ...request.body,
      topic: request.body.topic ?? null,
    })
    return reply.status(204).send()
  })
}
