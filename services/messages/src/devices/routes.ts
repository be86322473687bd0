import type { HttpApp } from '@parley/shared/http'
import { PushTokenKind } from '@parley/shared/protocol'
import { z } from 'zod'
import type { Context } from '../context.ts'
import { sessionEnded } from '../errors.ts'
import { authenticate } from '../sessions/authenticate.ts'
import * as store from './store.ts'

const base64url = (bytes: number) =>
  z.string().regex(new RegExp(`^[A-Za-z0-9_-]{${Math.ceil((bytes * 4) / 3)}}$`))

const Common = z.strictObject({
  /** The app: APNs' bundle id, or whatever name the operator's credentials are for, if it is not the usual one. */
  topic: z.string().min(1).max(256).optional(),
  environment: z.enum(['sandbox', 'production']).default('production'),
  /** Of the device's user interface, BCP 47: the language alerts speak. */
  locale: z.string().max(35).refine(isLocale, 'not a language tag').optional(),
})

const Binding = z.discriminatedUnion('kind', [
  Common.extend({
    kind: PushTokenKind.exclude(['webpush']),
    token: z.string().regex(/^[\x21-\x7e]{1,2048}$/, 'printable ASCII without spaces, at most 2048'),
  }),
  /** What `PushSubscription.toJSON()` gives: its `endpoint` and `keys`. */
  Common.extend({
    kind: z.literal('webpush'),
    token: z.string().max(2_048).refine(isEndpoint, 'not an https address of a push service'),
    keys: z.strictObject({ p256dh: base64url(65), auth: base64url(16) }),
  }),
])

/** Who may be connected to is decided by services/push, when it connects; this is what can be told from the text. */
function isEndpoint(text: string): boolean {
  const url = URL.parse(text)
  return (
    url?.protocol === 'https:' && url.username === '' && url.password === '' && /^[\x21-\x7e]+$/.test(text)
  )
}

function isLocale(tag: string): boolean {
  try {
    return Intl.getCanonicalLocales(tag).length === 1
  } catch {
    return false
  }
}

export function deviceRoutes(app: HttpApp, ctx: Context): void {
  app.put('/v1/devices/current/push', { schema: { body: Binding } }, async (request, reply) => {
    const { userId, deviceId, sessionId } = await authenticate(ctx, request)
    const isBound = await store.bindPushToken(ctx.db, sessionId, {
      userId,
      deviceId,
      ...request.body,
      topic: request.body.topic ?? null,
      locale: request.body.locale ?? null,
      keys: request.body.kind === 'webpush' ? request.body.keys : null,
    })
    if (!isBound) throw sessionEnded()
    return reply.status(204).send()
  })
}
