import type { HttpApp } from '@parley/shared/http'
import { MediaId } from '@parley/shared/ids'
import { MediaObject } from '@parley/shared/media'
import { spanOf } from '@parley/shared/tracing-http'
import { z } from 'zod'
import { authenticate } from '../authenticate.ts'
import type { Context } from '../context.ts'
import { mediaObject } from '../media/media-object.ts'
import { abandonUpload } from './abandon-upload.ts'
import { beginUpload } from './begin-upload.ts'
import { completeUpload } from './complete-upload.ts'

/** What an upload is declared as, however it comes. */
export const UploadBody = z.strictObject({
  fileName: z.string().min(1).max(1_024),
  contentType: z
    .string()
    .max(128)
    .regex(/^[\w.+-]+\/[\w.+-]+ *(;[^\r\n]*)?$/, 'a media type, as in image/jpeg'),
  sizeBytes: z.int().min(1),
})

const Body = UploadBody.extend({
  /** `put`: to one link. `form`: as a form of a browser, where the store takes them. `parts`: to a link for each part. */
  way: z.enum(['put', 'form', 'parts']).default('put'),
})

const strings = z.record(z.string(), z.string())
const Ticket = z.object({
  mediaId: z.string(),
  upload: z.union([
    z.object({ method: z.literal('PUT'), url: z.string(), headers: strings }),
    z.object({ method: z.literal('POST'), url: z.string(), fields: strings }),
    z.object({
      method: z.literal('PUT'),
      headers: strings,
      partSizeBytes: z.int(),
      parts: z.array(z.object({ url: z.string(), sizeBytes: z.int() })),
    }),
  ]),
  expiresAt: z.iso.datetime(),
})

const Params = z.object({ mediaId: MediaId })

export function uploadRoutes(app: HttpApp, ctx: Context): void {
  app.post(
    '/v1/media/uploads',
    { schema: { body: Body, response: { 201: Ticket } } },
    async (request, reply) => {
      const { userId: ownerId } = await authenticate(ctx, request)
      const { way, ...upload } = request.body
      const { expiresAt, ...ticket } = await beginUpload(ctx, { ownerId, ...upload }, way)
      return reply
        .status(201)
        .header('cache-control', 'private, no-store')
        .send({ ...ticket, expiresAt: expiresAt.toISOString() })
    },
  )

  app.post(
    '/v1/media/uploads/:mediaId/complete',
    { schema: { params: Params, response: { 200: MediaObject } } },
    async (request) => {
      const { userId: ownerId } = await authenticate(ctx, request)
      const { mediaId } = request.params
      const trace = spanOf(request)?.traceparent
      return mediaObject(await completeUpload(ctx, { ownerId, mediaId, trace }))
    },
  )

  app.delete('/v1/media/uploads/:mediaId', { schema: { params: Params } }, async (request, reply) => {
    const { userId: ownerId } = await authenticate(ctx, request)
    await abandonUpload(ctx, { ownerId, mediaId: request.params.mediaId })
    return reply.status(204).send()
  })
}
