import type { HttpApp } from '@parley/shared/http'
import { DeviceId, SessionId, UserId } from '@parley/shared/ids'
import { serveRpc } from '@parley/shared/internal-http'
import { toBatchReply } from '@parley/shared/rpc'
import { z } from 'zod'
import type { Context } from '../context.ts'
import { authenticate } from './authenticate.ts'
import { logOut, revokeSession, revokeSessions } from './end-session.ts'
import { logIn } from './log-in.ts'
import { logOutByTicket } from './logout-ticket.ts'
import { openSessions } from './open-sessions.ts'
import { refreshSession } from './refresh-session.ts'
import { findEnded } from './standing.ts'
import { listLive } from './store.ts'

const LogIn = z.strictObject({
  userId: UserId,
  password: z.string().min(1).max(256),
  device: z.strictObject({ id: DeviceId, platform: z.string().min(1).max(32) }),
})
const Refresh = z.strictObject({ refreshToken: z.string().min(1).max(256) })
const Logout = z.strictObject({ ticket: z.string().min(1).max(1_024) })
const Tokens = z.object({
  accessToken: z.string(),
  refreshToken: z.string(),
  logoutTicket: z.string(),
  expiresAt: z.iso.datetime(),
})
const Sessions = z.object({
  sessions: z.array(
    z.object({
      sessionId: z.string(),
      deviceId: z.string(),
      platform: z.string(),
      address: z.string().optional(),
      createdAt: z.iso.datetime(),
      lastSeenAt: z.iso.datetime(),
      current: z.boolean(),
    }),
  ),
})
const Keys = z.object({ keys: z.array(z.record(z.string(), z.unknown())) })
const Revoke = z.strictObject({ except: z.literal('current').optional() })
const BySession = z.strictObject({ sessionId: SessionId })

export function sessionRoutes(app: HttpApp, ctx: Context): void {
  app.post('/v1/sessions', { schema: { body: LogIn, response: { 201: Tokens } } }, async (request, reply) =>
    reply.status(201).send(await logIn(ctx, { ...request.body, address: request.ip })),
  )
  app.post(
    '/v1/sessions/refresh',
    { schema: { body: Refresh, response: { 200: Tokens } } },
    async (request) => refreshSession(ctx, request.body.refreshToken),
  )
  app.post('/v1/sessions/logout', { schema: { body: Logout } }, async (request, reply) => {
    await logOutByTicket(ctx, request.body.ticket)
    return reply.status(204).send()
  })
  app.get('/v1/sessions', { schema: { response: { 200: Sessions } } }, async (request) => {
    const { userId, sessionId } = await authenticate(ctx, request)
    const live = await listLive(ctx.db, userId)
    return {
      sessions: live.map(({ address, createdAt, lastSeenAt, ...session }) => ({
        ...session,
        ...(address === null ? {} : { address }),
        createdAt: createdAt.toISOString(),
        lastSeenAt: lastSeenAt.toISOString(),
        current: session.sessionId === sessionId,
      })),
    }
  })
  app.delete('/v1/sessions', { schema: { querystring: Revoke } }, async (request, reply) => {
    const { userId, sessionId } = await authenticate(ctx, request)
    await revokeSessions(ctx, userId, { except: request.query.except ? sessionId : undefined })
    return reply.status(204).send()
  })
  app.delete('/v1/sessions/current', async (request, reply) => {
    await logOut(ctx, await authenticate(ctx, request))
    return reply.status(204).send()
  })
  app.delete('/v1/sessions/:sessionId', { schema: { params: BySession } }, async (request, reply) => {
    const { userId } = await authenticate(ctx, request)
    await revokeSession(ctx, userId, request.params.sessionId)
    return reply.status(204).send()
  })
  app.get('/v1/jwks', { schema: { response: { 200: Keys } } }, async (_request, reply) =>
    reply.header('cache-control', 'public, max-age=60').send(ctx.signingKey.jwks),
  )
}

export function sessionRpc(app: HttpApp, ctx: Context): void {
  serveRpc(app, 'sessions/open', async ({ sessions }) => toBatchReply(await openSessions(ctx, sessions)))
  serveRpc(app, 'sessions/ended', async ({ sessionIds }) => ({ ended: await findEnded(ctx, sessionIds) }))
}
