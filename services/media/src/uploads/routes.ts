import type { HttpApp } from '@parley/shared/http'
import { MediaId } from '@parley/shared/ids'
import { MediaObject } from '@parley/shared/media'
import { z } from 'zod'
import { authenticate } from '../authenticate.ts'
import type { Context } from '../context.ts'
import { mediaObject } from '../media/media-object.ts'
import { beginUpload } from './begin-upload.ts'
import { completeUpload } from './complete-upload.ts'

const Body = z.strictObject({
  fileName: z.string().min(1).max(1_024),
  contentType: z
    .string()
    .max(128)
    .regex(/^[\w.+-]+\/[\w.+-]+ *(;[^\r\n]*)?$/, 'a media type, as in image/jpeg'),
  sizeBytes: z.int().min(1),
})

const Ticket = z.object({
  mediaId: z.string(),
  upload: z.object({
    method: z.literal('PUT'),
    url: z.string(),
    headers: z.record(z.string(), z.string()),
  }),
  expiresAt: z.iso.datetime(),
})

const Params = z.object({ mediaId: MediaId })

export function uploadRoutes(app: HttpApp, ctx: Context): void {
  app.post(
    '/v1/media/uploads',
    { schema: { body: Body, response: { 201: Ticket } } },
    async (request, reply) => {
      const { userId: ownerId } = await authenticate(ctx, request)
      const { expiresAt, ...ticket } = await beginUpload(ctx, { ownerId, ...request.body })
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
      return mediaObject(await completeUpload(ctx, { ownerId, mediaId: request.params.mediaId }))
    },
  )
}
