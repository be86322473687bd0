import type { HttpApp } from '@parley/shared/http'
import { ConversationId, MediaId, UserId } from '@parley/shared/ids'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { authenticate } from '../authenticate.ts'
import type { Context } from '../context.ts'
import type { Media } from '../db/schema.ts'
import { mediaNotFound, tooManyPictures } from '../errors.ts'
import { chooseForm } from '../media/choose-form.ts'
import { findMedia } from '../media/store.ts'
import { drawIdenticon } from './identicon.ts'
import { makeSquares } from './make-squares.ts'
import { type AvatarSide, avatarSides, squareName } from './squares.ts'

const sides: readonly number[] = avatarSides
const Query = z.object({
  size: z.coerce
    .number()
    .refine((size): size is AvatarSide => sides.includes(size), `one of ${avatarSides.join(', ')}`)
    .default(128),
  /** What the profile or group shows now: with it the answer may be kept for ever. */
  v: z.string().max(100).optional(),
})
type Asked = FastifyRequest<{ Querystring: z.output<typeof Query> }>

/** No square comes near it; more would not be a square of ours. */
const maxSquareBytes = 1_024 ** 2
const maxMadeAtOnce = 32

/**
 * Avatars as squares of fixed sizes, of people and groups, a pattern for who has none. They are small and looked at
 * often, so the bytes are given out here, to be kept by clients; the picture's id in `v` makes a new address of a new one.
 */
export function avatarRoutes(app: HttpApp, ctx: Context): void {
  const { db, storage } = ctx
  const making = new Map<MediaId, Promise<Media>>()

  app.get(
    '/v1/media/avatars/users/:userId',
    { schema: { params: z.object({ userId: UserId }), querystring: Query } },
    async (request, reply) => sendAvatar(request, reply, { userId: request.params.userId }),
  )
  app.get(
    '/v1/media/avatars/groups/:conversationId',
    { schema: { params: z.object({ conversationId: ConversationId }), querystring: Query } },
    async (request, reply) => sendAvatar(request, reply, { conversationId: request.params.conversationId }),
  )

  async function sendAvatar(
    request: Asked,
    reply: FastifyReply,
    of: { userId: UserId } | { conversationId: ConversationId },
  ) {
    const { userId: askedBy } = await authenticate(ctx, request)
    const { size, v } = request.query
    const { picture } = await ctx.messages.findPicture(askedBy, of)
    const mediaId = MediaId.safeParse(picture)
    if (picture !== null && !mediaId.success)
      return reply.header('cache-control', shortly).redirect(picture, 302)

    const square = mediaId.success ? await squareOf(mediaId.data, size, request.headers.accept) : undefined
    const [id] = Object.values(of)
    const answer = square ?? { bytes: await drawIdenticon(id, size), contentType: 'image/png' }
    const etag = `"${picture ?? 'none'}-${size}-${answer.contentType.slice('image/'.length)}"`
    reply.headers({
      'cache-control': v !== undefined && v === (picture ?? '') ? forEver : shortly,
      etag,
      vary: 'accept, authorization',
      'x-content-type-options': 'nosniff',
      'content-security-policy': "sandbox; default-src 'none'",
      'content-disposition': 'inline',
    })
    if (request.headers['if-none-match'] === etag) return reply.status(304).send()
    return reply.header('content-type', answer.contentType).send(answer.bytes)
  }

  /** Undefined if the picture cannot be shown; the pattern then stands in its place. */
  async function squareOf(mediaId: MediaId, size: AvatarSide, accept: string | undefined) {
    const found = await findMedia(db, mediaId)
    if (found?.status !== 'ready') return undefined
    const media = chooseForm(found, squareName(size), accept) ? found : await madeSquares(found)
    const form = media && chooseForm(media, squareName(size), accept)
    const bytes = form && (await storage.peek(form.key, maxSquareBytes))?.start
    return form && bytes ? { bytes, contentType: form.contentType } : undefined
  }

  /** Many look at a new avatar at once; it is cut by one of them. */
  async function madeSquares(media: Media): Promise<Media | undefined> {
    const known = making.get(media.id)
    if (!known && making.size >= maxMadeAtOnce) throw tooManyPictures()
    const made = known ?? makeSquares(ctx, media).finally(() => making.delete(media.id))
    making.set(media.id, made)
    return made.catch((cause: unknown) => {
      if (cause instanceof Error && 'code' in cause && cause.code === mediaNotFound().code) return undefined
      throw cause
    })
  }
}

const shortly = 'private, max-age=300'
const forEver = 'private, max-age=31536000, immutable'
