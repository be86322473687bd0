import type { HttpApp } from '@parley/shared/http'
import { MediaId } from '@parley/shared/ids'
import type { FastifyReply } from 'fastify'
import { z } from 'zod'
import { authenticate } from '../authenticate.ts'
import { shownInline } from '../content-type/accepted.ts'
import type { Context } from '../context.ts'
import { mediaNotReady, thumbnailNotFound } from '../errors.ts'
import { dispositionOf } from '../storage/disposition.ts'
import { withExtension } from '../uploads/file-name.ts'
import { getVisible } from './get-visible.ts'
import { MediaObject, mediaObject } from './media-object.ts'

const Params = z.object({ mediaId: MediaId })
const Query = z.object({ format: z.literal('json').optional() })

export function mediaRoutes(app: HttpApp, ctx: Context): void {
  const ttlSeconds = ctx.config.linkTtlSeconds

  app.get(
    '/v1/media/:mediaId',
    { schema: { params: Params, querystring: Query, response: { 200: MediaObject } } },
    async (request, reply) => {
      const { userId } = await authenticate(ctx, request)
      const media = await getVisible(ctx, { userId, mediaId: request.params.mediaId })
      if (request.query.format === 'json') {
        return reply.header('cache-control', 'private, no-store').send(mediaObject(media))
      }
      if (media.status !== 'ready' || !media.objectKey || !media.contentType) throw mediaNotReady()
      const kind = shownInline.has(media.contentType) ? 'inline' : 'attachment'
      const disposition = dispositionOf(kind, media.fileName)
      const terms = { contentType: media.contentType, disposition, ttlSeconds }
      return redirect(reply, await ctx.storage.downloadLink(media.objectKey, terms))
    },
  )

  app.get('/v1/media/:mediaId/thumbnail', { schema: { params: Params } }, async (request, reply) => {
    const { userId } = await authenticate(ctx, request)
    const media = await getVisible(ctx, { userId, mediaId: request.params.mediaId })
    if (media.status !== 'ready') throw mediaNotReady()
    if (!media.thumbnailKey) throw thumbnailNotFound()
    const disposition = dispositionOf('inline', withExtension(media.fileName, 'webp'))
    const terms = { contentType: 'image/webp', disposition, ttlSeconds }
    return redirect(reply, await ctx.storage.downloadLink(media.thumbnailKey, terms))
  })
}

/** The right to read was checked for this request; the next one is checked again. */
function redirect(reply: FastifyReply, url: string) {
  return reply.header('cache-control', 'private, no-store').redirect(url, 302)
}
