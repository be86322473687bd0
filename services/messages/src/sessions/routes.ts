import type { HttpApp } from '@parley/shared/http'
import { DeviceId, UserId } from '@parley/shared/ids'
import { serveRpc } from '@parley/shared/internal-http'
import { toBatchReply } from '@parley/shared/rpc'
import { z } from 'zod'
import type { Context } from '../context.ts'
import { authenticate } from './authenticate.ts'
import { logOut } from './end-session.ts'
import { logIn } from './log-in.ts'
import { findEnded, openSessions } from './open-sessions.ts'
import { refreshSession } from './refresh-session.ts'

const LogIn = z.strictObject({
  userId: UserId,
  password: z.string().min(1).max(256),
  device: z.strictObject({ id: DeviceId, platform: z.string().min(1).max(32) }),
})
const Refresh = z.strictObject({ refreshToken: z.string().min(1).max(256) })
const Tokens = z.object({ accessToken: z.string(), refreshToken: z.string(), expiresAt: z.iso.datetime() })

export function sessionRoutes(app: HttpApp, ctx: Context): void {
  app.post('/v1/sessions', { schema: { body: LogIn, response: { 201: Tokens } } }, async (request, reply) =>
    reply.status(201).send(await logIn(ctx, request.body)),
  )
  app.post(
    '/v1/sessions/refresh',
    { schema: { body: Refresh, response: { 200: Tokens } } },
    async (request) => refreshSession(ctx, request.body.refreshToken),
  )
  app.delete('/v1/sessions/current', async (request, reply) => {
    await logOut(ctx, await authenticate(ctx, request))
    return reply.status(204).send()
  })
  app.get('/v1/jwks', async (_request, reply) =>
    reply.header('cache-control', 'public, max-age=60').send(ctx.signingKey.jwks),
  )
}

export function sessionRpc(app: HttpApp, ctx: Context): void {
  serveRpc(app, 'sessions/open', async ({ sessions }) => toBatchReply(await openSessions(ctx, sessions)))
  serveRpc(app, 'sessions/ended', async ({ sessionIds }) => ({
    sessionIds: await findEnded(ctx, sessionIds),
  }))
}
