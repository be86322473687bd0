import { createHash } from 'node:crypto'
import type { HttpApp } from '@parley/shared/http'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { lengthRequired, linkNotValid, objectGone, uploadInterrupted, uploadTypeDiffers } from '../errors.ts'
import { type FsStorage, fsPaths, uploadDeadlineMs } from './fs.ts'
import { readLink } from './link.ts'
import { readRange } from './range.ts'

const Query = z.object({ link: z.string().max(4_096) })
type LinkRequest = FastifyRequest<{ Querystring: z.output<typeof Query> }>

/** What a signed link of the `fs` driver leads to. The link alone gives the right; there is no token here. */
export function fsRoutes(app: HttpApp, storage: FsStorage): void {
  // Node would otherwise end any request after 30 s; a phone takes longer for 50 MB.
  app.server.requestTimeout = uploadDeadlineMs
  app.get(fsPaths.download, { schema: { querystring: Query } }, (request, reply) =>
    sendObject(storage, request, reply),
  )
  void app.register(async (scope) => {
    // The bytes are streamed to their place, whatever their type says they are.
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('*', (_request, _payload, done) => done(null))
    scope.put(fsPaths.upload, { schema: { querystring: Query } }, (request: LinkRequest, reply) =>
      receiveObject(storage, request, reply),
    )
  })
}

async function receiveObject(storage: FsStorage, request: LinkRequest, reply: FastifyReply) {
  // A refusal leaves the body unread, and Node would read it to its end to keep the connection.
  reply.header('connection', 'close')
  const terms = readLink(request.query.link, 'PUT', storage.linkSecret)
  if (!terms) throw linkNotValid()
  if (request.headers['content-type']?.toLowerCase() !== terms.contentType) throw uploadTypeDiffers()
  // Node holds the body to this length, so nothing else needs to count.
  if (request.headers['content-length'] !== String(terms.sizeBytes)) throw lengthRequired()
  await storage
    .write(terms.key, request.raw, AbortSignal.timeout(uploadDeadlineMs))
    .catch((cause: unknown) => {
      throw isInterruption(cause) ? uploadInterrupted(cause) : cause
    })
  reply.removeHeader('connection')
  return reply.status(200).send()
}

function isInterruption(cause: unknown): boolean {
  const { code, name } = cause as NodeJS.ErrnoException
  return code === 'ERR_STREAM_PREMATURE_CLOSE' || code === 'ECONNRESET' || name === 'AbortError'
}

async function sendObject(storage: FsStorage, request: LinkRequest, reply: FastifyReply) {
  const terms = readLink(request.query.link, 'GET', storage.linkSecret)
  if (!terms) throw linkNotValid()
  const sizeBytes = await storage.sizeOf(terms.key)
  if (sizeBytes === undefined) throw objectGone()

  const etag = etagOf(terms.key)
  const maxAge = Math.max(0, terms.expires - Math.ceil(Date.now() / 1_000))
  reply.headers({
    'accept-ranges': 'bytes',
    'cache-control': `private, max-age=${maxAge}`,
    etag,
    'x-content-type-options': 'nosniff',
    'content-security-policy': "sandbox; default-src 'none'",
    'referrer-policy': 'no-referrer',
  })
  if (request.headers['if-none-match'] === etag) return reply.status(304).send()

  // If-Range with anything but the current ETag asks for the whole (RFC 9110, 13.1.5).
  const ifRange = request.headers['if-range']
  const range = readRange(
    ifRange === undefined || ifRange === etag ? request.headers.range : undefined,
    sizeBytes,
  )
  if (range.kind === 'unsatisfiable') {
    return reply.status(416).header('content-range', `bytes */${sizeBytes}`).send()
  }
  reply.headers({ 'content-type': terms.contentType, 'content-disposition': terms.disposition })
  if (range.kind === 'whole') {
    reply.header('content-length', sizeBytes)
    return request.method === 'HEAD' ? reply.send() : reply.send(storage.read(terms.key))
  }
  const { start, end } = range
  reply.status(206).headers({
    'content-range': `bytes ${start}-${end}/${sizeBytes}`,
    'content-length': end - start + 1,
  })
  return request.method === 'HEAD' ? reply.send() : reply.send(storage.read(terms.key, { start, end }))
}

/** An object is never written twice under one key, so its key says which bytes they are. */
function etagOf(key: string): string {
  return `"${createHash('sha256').update(key).digest('base64url').slice(0, 24)}"`
}
