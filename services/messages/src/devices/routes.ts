import type { HttpApp } from '@parley/shared/http'
import { PushTokenKind } from '@parley/shared/protocol'
import { z } from 'zod'
import type { Context } from '../context.ts'
import { authenticate } from '../sessions/authenticate.ts'
import * as store from './store.ts'

const Binding = z.strictObject({
  kind: PushTokenKind,
  token: z.string().regex(/^[\x21-\x7e]{1,2048}$/, 'printable ASCII without spaces, at most 2048'),
  /** APNs: the bundle id, if it is not the configured one. */
  topic: z.string().min(1).max(256).optional(),
  environment: z.enum(['sandbox', 'production']).default('production'),
  /** Of the device's user interface, BCP 47: the language alerts speak. */
  locale: z.string().max(35).refine(isLocale, 'not a language tag').optional(),
})

function isLocale(tag: string): boolean {
  try {
    return Intl.getCanonicalLocales(tag).length === 1
  } catch {
    return false
  }
}

export function deviceRoutes(app: HttpApp, ctx: Context): void {
  app.put('/v1/devices/current/push', { schema: { body: Binding } }, async (request, reply) => {
    const { userId, deviceId } = await authenticate(ctx, request)
    await store.bindPushToken(ctx.db, {
      userId,
      deviceId,
      ...request.body,
      topic: request.body.topic ?? null,
      locale: request.body.locale ?? null,
    })
    return reply.status(204).send()
  })
}
