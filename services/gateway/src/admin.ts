import { serveAdmin } from '@parley/shared/admin'
import { checkRedis } from '@parley/shared/check-redis'
import type { HttpApp } from '@parley/shared/http'
import { UserId } from '@parley/shared/ids'
import { z } from 'zod'
import type { Context } from './context.ts'
import type { ChatServer, ChatSocket } from './realtime.ts'

/** A socket as operators see it. */
export interface ConnectionHere {
  deviceId: string
  sessionId: string
  platform: string
  transport: string
  /** ISO 8601. */
  connectedAt: string
}

const ByUser = z.strictObject({ userId: UserId })
const Notice = z.strictObject({ text: z.string().trim().min(1).max(2_000) })

interface GatewayAdminOptions {
  ready: () => Promise<void>
  /** Sends everybody elsewhere; the node takes nobody in any more. */
  leave: () => Promise<void>
}

/** What operators ask of a gateway. */
export function serveGatewayAdmin(
  app: HttpApp,
  { config, governor, log, messages, redis, registry }: Context,
  io: ChatServer,
  { ready, leave }: GatewayAdminOptions,
): void {
  serveAdmin(app, {
    service: 'gateway',
    ready,
    describe: () => ({
      gatewayId: config.gatewayId,
      connections: registry.connections,
      handshakesWaiting: governor.waiting,
      redis: redis.status,
    }),
    checks: {
      redis: () => checkRedis(redis),
      async messages() {
        await messages.findEnded([])
        return 'answers'
      },
    },
  })
  app.get('/admin/connections/:userId', { schema: { params: ByUser } }, async ({ params }) => ({
    connections: [...registry.socketsOf(params.userId)].map(toConnection),
  }))
  app.post('/admin/notices', { schema: { body: Notice } }, async ({ body }) => {
    io.local.emit('system:notice', { text: body.text, at: new Date().toISOString() })
    return { told: registry.connections }
  })
  app.post('/admin/drain', async (_request, reply) => {
    log.warn({ connections: registry.connections }, 'an operator sends everybody elsewhere')
    leave().catch((err: unknown) => log.error({ err }, 'drain failed'))
    return reply.status(202).send({ leaving: registry.connections })
  })
}

function toConnection({ conn, data: { identity, connectedAt } }: ChatSocket): ConnectionHere {
  const { deviceId, sessionId, platform } = identity
  return {
    deviceId,
    sessionId,
    platform,
    transport: conn.transport.name,
    connectedAt: new Date(connectedAt).toISOString(),
  }
}
