import type { HttpApp } from '@parley/shared/http'
import { MediaId } from '@parley/shared/ids'
import { MediaObject } from '@parley/shared/media'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { authenticate } from '../authenticate.ts'
import { extensionOf, isImage, isSound, shownInline } from '../content-type/accepted.ts'
import type { Context } from '../context.ts'
import type { Form, Media } from '../db/schema.ts'
import { formNotFound, mediaNotReady } from '../errors.ts'
import { dispositionOf } from '../storage/disposition.ts'
import { withExtension } from '../uploads/file-name.ts'
import { chooseForm } from './choose-form.ts'
import { getVisible } from './get-visible.ts'
import { mediaObject } from './media-object.ts'

const Params = z.object({ mediaId: MediaId })
const Query = z.object({ format: z.literal('json').optional() })
const FormParams = Params.extend({ name: z.enum(['thumbnail', 'preview', 'playable']) })

export function mediaRoutes(app: HttpApp, ctx: Context): void {
  app.get(
    '/v1/media/:mediaId',
    { schema: { params: Params, querystring: Query, response: { 200: MediaObject } } },
    async (request, reply) => {
      const media = await findVisible(request, request.params.mediaId)
      if (request.query.format === 'json') {
        return reply.header('cache-control', 'private, no-store').send(mediaObject(media))
      }
      return redirect(reply, await linkToMedia(media))
    },
  )

  app.get('/v1/media/:mediaId/:name', { schema: { params: FormParams } }, async (request, reply) => {
    const { mediaId, name } = request.params
    const media = await findVisible(request, mediaId)
    if (media.status !== 'ready') throw mediaNotReady()
    // Which of its formats is given depends on who asks.
    reply.header('vary', 'accept')
    const form = chooseForm(media, name, request.headers.accept)
    if (form) return redirect(reply, await linkToForm(media, form))
    if (!isItsOwn(media, name)) throw formNotFound(name)
    return redirect(reply, await linkToMedia(media))
  })

  async function findVisible(request: FastifyRequest, mediaId: MediaId): Promise<Media> {
    const { userId } = await authenticate(ctx, request)
    return getVisible(ctx, { userId, mediaId })
  }

  function linkToMedia(media: Media): Promise<string> {
    const { status, objectKey, contentType, fileName } = media
    if (status !== 'ready' || !objectKey || !contentType) throw mediaNotReady()
    const disposition = dispositionOf(shownInline.has(contentType) ? 'inline' : 'attachment', fileName)
    return ctx.storage.downloadLink(objectKey, {
      contentType,
      disposition,
      ttlSeconds: ctx.config.linkTtlSeconds,
    })
  }

  function linkToForm({ fileName }: Media, { key, contentType }: Form): Promise<string> {
    const disposition = dispositionOf('inline', withExtension(fileName, extensionOf(contentType)))
    return ctx.storage.downloadLink(key, { contentType, disposition, ttlSeconds: ctx.config.linkTtlSeconds })
  }
}

/** A picture that is small enough is its own preview, a sound that plays everywhere is playable as it is. */
function isItsOwn({ contentType }: Media, name: Form['name']): boolean {
  if (!contentType) return false
  return name === 'preview' ? isImage(contentType) : name === 'playable' && isSound(contentType)
}

/** The right to read was checked for this request; the next one is checked again. */
function redirect(reply: FastifyReply, url: string) {
  return reply.header('cache-control', 'private, no-store').redirect(url, 302)
}
