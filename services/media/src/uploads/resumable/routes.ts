import type { IncomingMessage } from 'node:http'
import { checkBounds } from '@parley/shared/bounds'
import { AppError } from '@parley/shared/errors'
import type { HttpApp } from '@parley/shared/http'
import { MediaId } from '@parley/shared/ids'
import { Metadata, Server } from '@tus/server'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { authenticate } from '../../authenticate.ts'
import { unknownType } from '../../content-type/accepted.ts'
import type { Context } from '../../context.ts'
import type { Media } from '../../db/schema.ts'
import { mediaNotFound, metadataUnreadable, tooManyWrites, uploadLengthRequired } from '../../errors.ts'
import { findMedia } from '../../media/store.ts'
import { abandonUpload } from '../abandon-upload.ts'
import { completeUpload } from '../complete-upload.ts'
import { demandPace } from '../demand-pace.ts'
import { openTicket } from '../open-ticket.ts'
import { createPlaces } from '../places.ts'
import { UploadBody } from '../routes.ts'
import { withdrawTicket } from '../withdraw-ticket.ts'
import { tusError } from './tus-error.ts'

const path = '/v1/media/tus'
/**
 * What a `HEAD` is answered while the store is away, or another request holds the upload. tus-js-client comes back after
 * a 423 alone; after any other failure, a 503 too, it begins a new upload from its first byte.
 */
const locked = 423
const bytesType = 'application/offset+octet-stream'
/**
 * For requests that bring bytes, on one instance. Each asks Redis four times a second whether it still has its lock, and
 * with `s3` holds 8 MB in the temporary directory and, now and then, one of 200 connections to the store.
 */
const writes = { inAll: 128, ofOne: 8 }
const Params = z.object({ mediaId: MediaId })
type Open = Pick<Media, 'ownerId' | 'incomingKey' | 'sizeBytes'> & { mediaId: MediaId }
type OwnRequest = FastifyRequest<{ Params: z.output<typeof Params> }>
type TusRequest = Parameters<NonNullable<ConstructorParameters<typeof Server>[0]['onUploadFinish']>>[0]

/**
 * Uploads that are taken up again where they broke off, by the tus protocol 1.0 (https://tus.io/protocols/resumable-upload).
 * They have the tickets, limits, rights and checks of every other upload; the last byte completes them.
 */
export function resumableRoutes(app: HttpApp, ctx: Context): void {
  const { storage, locker, config, log } = ctx
  const places = createPlaces(writes, tooManyWrites)
  // What this service knows of a request before the protocol sees it.
  const known = new WeakMap<object, Open>()
  const openOf = (request: TusRequest): Open => {
    const open = request.runtime?.node && known.get(request.runtime.node.req)
    if (!open) throw mediaNotFound()
    return open
  }
  const tus = new Server({
    path,
    datastore: storage.resumable(config.uploads.resumableTtlSeconds),
    locker,
    // As of every other answer; those of the protocol pass by the framework.
    allowedOrigins: (origin) => config.http.allowedOrigins.includes(origin),
    namingFunction: (request) => openOf(request).incomingKey,
    getFileIdFromRequest: (request) => openOf(request).incomingKey,
    generateUrl: (request) => `${path}/${openOf(request).mediaId}`,
    async onUploadFinish(request, upload) {
      await finish(openOf(request))
      // It expires no more; and when it would, the protocol would ask a store that does not have it any more.
      upload.creation_date = undefined
      return {}
    },
    onResponseError({ method }, cause) {
      const error = tusError(cause)
      if (method === 'HEAD' && error.status >= 500) return { status_code: locked, body: '' }
      if (error.status >= 500) log.warn({ err: error }, 'a resumable upload was not taken')
      return { status_code: error.status, body: JSON.stringify({ error: error.toJSON() }) }
    },
  })

  void app.register(async (scope) => {
    // The bytes are streamed to their place, whatever their type says they are.
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('*', (_request, _payload, done) => done(null))

    // A refusal leaves the body unread, and Node would read it to its end to keep the connection.
    scope.addHook('onError', async (_request, reply) => void reply.header('connection', 'close'))

    scope.post(path, async (request, reply) => {
      const { userId: ownerId } = await authenticate(ctx, request)
      const body = readMetadata(request)
      using _place = request.headers['content-type'] === bytesType ? places.take(ownerId) : undefined
      const ttlSeconds = config.uploads.resumableTtlSeconds
      const ticket = await openTicket(ctx, { ownerId, ...body }, { area: 'tus', ttlSeconds })
      try {
        await pass(request, reply, { ...ticket, ownerId })
      } finally {
        // Any other answer, of the store or of the protocol, tells nobody where the upload is; nor does one that is
        // given to a line that broke among the bytes.
        const isTold = reply.raw.statusCode === 201 && !isCutOff(request.raw)
        if (!isTold) await withdrawTicket(ctx, { ownerId, mediaId: ticket.mediaId })
      }
    })
    scope.head(`${path}/:mediaId`, { schema: { params: Params } }, async (request: OwnRequest, reply) => {
      const { open, pending } = await findOwn(request, request.params.mediaId)
      try {
        if (pending && !(await finishIfArrived(open))) return await pass(request, reply, open)
      } catch (cause) {
        if (AppError.from(cause).status < 500) throw cause
        log.warn({ err: cause }, 'where a resumable upload stands cannot be told now')
        return reply.header('tus-resumable', '1.0.0').status(locked).send()
      }
      return reply
        .headers({ 'tus-resumable': '1.0.0', 'cache-control': 'no-store' })
        .headers({ 'upload-offset': open.sizeBytes, 'upload-length': open.sizeBytes })
        .status(200)
        .send()
    })
    scope.patch(`${path}/:mediaId`, { schema: { params: Params } }, async (request: OwnRequest, reply) => {
      const { open, pending } = await findOwn(request, request.params.mediaId)
      if (!pending) throw mediaNotFound()
      using _place = places.take(open.ownerId)
      return await pass(request, reply, open)
    })
    scope.delete(`${path}/:mediaId`, { schema: { params: Params } }, async (request: OwnRequest, reply) => {
      const { userId: ownerId } = await authenticate(ctx, request)
      await abandonUpload(ctx, { ownerId, mediaId: request.params.mediaId })
      return reply.header('tus-resumable', '1.0.0').status(204).send()
    })
    // What the server can do is told to everybody; the protocol asks for it.
    scope.options(path, (request, reply) => pass(request, reply))
  })

  /** The protocol answers from here on, past this framework. */
  async function pass(request: FastifyRequest, reply: FastifyReply, open?: Open): Promise<void> {
    if (open) known.set(request.raw, open)
    // What other hooks have said, of origins for one, is to be said in its answer too.
    for (const [name, value] of Object.entries(reply.getHeaders())) {
      if (value !== undefined) reply.raw.setHeader(name, value)
    }
    demandPace(request.raw, reply.raw)
    reply.hijack()
    await tus.handle(request.raw, reply.raw)
  }

  async function findOwn(
    request: FastifyRequest,
    mediaId: MediaId,
  ): Promise<{ open: Open; pending: boolean }> {
    const { userId } = await authenticate(ctx, request)
    const media = await findMedia(ctx.db, mediaId)
    if (!media || media.ownerId !== userId) throw mediaNotFound()
    return { open: { ...media, mediaId }, pending: media.status === 'pending' }
  }

  /** For a client whose last answer was lost, or came from a process that died over it. */
  async function finishIfArrived(open: Open): Promise<boolean> {
    const lock = locker.newLock(open.incomingKey)
    await lock.lock(new AbortController().signal, () => {})
    try {
      const { offset } = await tus.datastore.getUpload(open.incomingKey).catch((cause: unknown) => {
        throw tusError(cause)
      })
      if (offset !== open.sizeBytes) return false
      await finish(open)
      return true
    } finally {
      await lock.unlock()
    }
  }

  async function finish({ ownerId, mediaId, incomingKey, sizeBytes }: Open): Promise<void> {
    await storage.finishResumable(incomingKey, sizeBytes)
    await completeUpload(ctx, { ownerId, mediaId })
  }
}

const isCutOff = ({ destroyed, complete }: IncomingMessage) => destroyed && !complete

/** `filename` and `filetype` are the names that tus clients send them under; who says neither sends a file. */
function readMetadata(request: FastifyRequest): z.output<typeof UploadBody> {
  const { 'upload-length': length, 'upload-metadata': metadata } = request.headers
  if (!length) throw uploadLengthRequired()
  const given = parseMetadata(metadata)
  checkBounds(given)
  return UploadBody.parse({
    fileName: given['filename'] || 'file',
    contentType: given['filetype'] || unknownType,
    sizeBytes: Number(length),
  })
}

/** The protocol lets a client leave the header out, and none leaves it empty. */
function parseMetadata(header: string | string[] | undefined): Record<string, string | null> {
  if (header === undefined) return {}
  try {
    return Metadata.parse(String(header))
  } catch (cause) {
    throw metadataUnreadable(cause)
  }
}
