import type { HttpApp } from '@parley/shared/http'
import type { UserId } from '@parley/shared/ids'
import { createUserLimits } from '@parley/shared/user-limits'
import { z } from 'zod'
import { authenticate } from '../authenticate.ts'
import type { Context } from '../context.ts'
import { mapUnavailable, noMaps } from '../errors.ts'
import { drawMap, findDrawn, roundPlace } from './draw-map.ts'

const Query = z.strictObject({
  latitude: z.coerce.number().min(-85).max(85),
  longitude: z.coerce.number().min(-180).max(180),
  zoom: z.coerce.number().int().min(1).max(18).default(15),
})

/** New maps of one user on one instance: they cost the operator money. */
const newMaps = { perSecond: 0.5, burst: 30 }
/** A provider that failed is left alone for so long. */
const pauseMs = 10_000
const maxDrawnAtOnce = 16

/** Maps for messages of the type `location`, drawn with the operator's key. A message never waits for its map. */
export function mapRoutes(app: HttpApp, ctx: Context): void {
  const limits = createUserLimits(newMaps)
  const drawing = new Map<string, Promise<string>>()
  let pausedUntil = 0

  app.get('/v1/media/maps', { schema: { querystring: Query } }, async (request, reply) => {
    const { userId } = await authenticate(ctx, request)
    if (ctx.config.mapUrlTemplate === undefined) throw noMaps()
    const place = roundPlace(request.query)
    const key = (await findDrawn(ctx, place)) ?? (await draw(userId, place))
    const { linkTtlSeconds: ttlSeconds } = ctx.config
    const link = await ctx.storage.downloadLink(key, {
      contentType: 'image/webp',
      disposition: 'inline',
      ttlSeconds,
    })
    return reply.header('cache-control', `private, max-age=${Math.floor(ttlSeconds / 2)}`).redirect(link, 302)
  })

  async function draw(userId: UserId, place: ReturnType<typeof roundPlace>): Promise<string> {
    limits.take(userId)
    const name = JSON.stringify(place)
    const known = drawing.get(name)
    if (known) return known
    if (Date.now() < pausedUntil || drawing.size >= maxDrawnAtOnce) throw mapUnavailable('paused')
    const drawn = drawMap(ctx, place)
      .catch((err: unknown) => {
        pausedUntil = Date.now() + pauseMs
        ctx.log.warn({ err }, 'a map was not drawn')
        throw err
      })
      .finally(() => drawing.delete(name))
    drawing.set(name, drawn)
    return drawn
  }
}
