import type { HttpApp } from '@parley/shared/http'
import { z } from 'zod'
import type { Context } from '../context.ts'
import { noSuchEndpoint, stillConfigured } from '../errors.ts'
import * as store from '../webhooks/store.ts'

const ByEndpoint = z.strictObject({ endpointId: z.string().max(32) })
const time = z.iso.datetime()
const Endpoints = z.object({
  endpoints: z.array(
    z.object({
      endpointId: z.string(),
      events: z.array(z.string()),
      pending: z.int(),
      dead: z.int(),
      failingSince: time.optional(),
      disabledAt: time.optional(),
      disabledReason: z.string().optional(),
    }),
  ),
})
const Page = z.strictObject({
  after: z.coerce.number().int().min(0).default(0),
  limit: z.coerce.number().int().min(1).max(500).default(100),
})
const Dead = z.object({
  deliveries: z.array(
    z.object({
      deliveryId: z.int(),
      /** What `webhook-id` says. */
      eventId: z.string(),
      event: z.string(),
      at: time,
      failedAt: time.optional(),
      failure: z.string().optional(),
    }),
  ),
  complete: z.boolean(),
})
const Replay = z.strictObject({ deliveryIds: z.array(z.int().positive()).min(1).max(1_000).optional() })
const replayAtMost = 1_000
const config = { scope: 'webhooks:write' } as const

export function webhookRoutes(app: HttpApp, { db, webhooks, config: { webhooks: settings } }: Context): void {
  app.get('/server/v1/webhooks', { config, schema: { response: { 200: Endpoints } } }, async () => ({
    endpoints: (await store.listStates(db)).map(({ failingSince, disabledAt, disabledReason, ...state }) => ({
      ...state,
      pending: Number(state.pending),
      dead: Number(state.dead),
      ...(failingSince ? { failingSince: failingSince.toISOString() } : {}),
      ...(disabledAt ? { disabledAt: disabledAt.toISOString() } : {}),
      ...(disabledReason === null ? {} : { disabledReason }),
    })),
  }))
  app.get(
    '/server/v1/webhooks/:endpointId/dead',
    { config, schema: { params: ByEndpoint, querystring: Page, response: { 200: Dead } } },
    async (request) => {
      const { limit } = request.query
      const rows = await store.listDead(db, { ...request.params, ...request.query })
      return {
        deliveries: rows.map(({ deliveryId, eventId, event, at, failedAt, failure }) => ({
          deliveryId: Number(deliveryId),
          eventId,
          event,
          at: at.toISOString(),
          ...(failedAt ? { failedAt: failedAt.toISOString() } : {}),
          ...(failure === null ? {} : { failure }),
        })),
        complete: rows.length < limit,
      }
    },
  )
  app.post(
    '/server/v1/webhooks/:endpointId/replay',
    {
      config,
      schema: { params: ByEndpoint, body: Replay, response: { 200: z.object({ replayed: z.int() }) } },
    },
    async (request) => {
      const revived = await store.revive(db, {
        ...request.params,
        deliveryIds: request.body.deliveryIds ?? null,
        limit: replayAtMost,
      })
      // Should this fail, the sweep queues them.
      await webhooks?.enqueue(revived).catch((err: unknown) => request.log.warn({ err }, 'not queued yet'))
      return { replayed: revived.length }
    },
  )
  app.post(
    '/server/v1/webhooks/:endpointId/enable',
    { config, schema: { params: ByEndpoint } },
    async (request, reply) => {
      if (!(await store.enableEndpoint(db, request.params.endpointId))) throw noSuchEndpoint()
      return reply.status(204).send()
    },
  )
  app.delete(
    '/server/v1/webhooks/:endpointId',
    { config, schema: { params: ByEndpoint } },
    async (request, reply) => {
      const { endpointId } = request.params
      if (settings.endpoints.some(({ id }) => id === endpointId)) throw stillConfigured()
      if (!(await store.removeEndpoint(db, endpointId))) throw noSuchEndpoint()
      return reply.status(204).send()
    },
  )
}
