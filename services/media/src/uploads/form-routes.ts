import { createWriteStream } from 'node:fs'
import { mkdtempDisposable, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { pipeline } from 'node:stream/promises'
import multipart, { type MultipartFile } from '@fastify/multipart'
import type { HttpApp } from '@parley/shared/http'
import type { UserId } from '@parley/shared/ids'
import { MediaObject } from '@parley/shared/media'
import { spanOf } from '@parley/shared/tracing-http'
import { authenticate } from '../authenticate.ts'
import { unknownType } from '../content-type/accepted.ts'
import type { Context } from '../context.ts'
import { formBroken, noFile, oneFileOnly, tooManyForms, uploadTooLarge } from '../errors.ts'
import { mediaObject } from '../media/media-object.ts'
import { completeUpload } from './complete-upload.ts'
import { openTicket } from './open-ticket.ts'
import { requestDeadlineMs } from './request-deadline.ts'
import { withdrawTicket } from './withdraw-ticket.ts'

/** Each may hold as many bytes in the temporary directory as an upload may have. */
const maxAtOnce = 16

/** Ticket, bytes and completion in one request, for clients that can send a form and nothing more. */
export function formRoutes(app: HttpApp, ctx: Context): void {
  const { maxBytes } = ctx.config.uploads
  app.server.requestTimeout = requestDeadlineMs
  let arriving = 0

  void app.register(async (scope) => {
    await scope.register(multipart, {
      limits: { files: 1, fields: 4, parts: 5, fieldSize: 1_024, headerPairs: 16, fileSize: maxBytes },
      throwFileSizeLimit: false,
    })
    scope.post('/v1/media/files', { schema: { response: { 201: MediaObject } } }, async (request, reply) => {
      // A refusal leaves the body unread, and Node would read it to its end to keep the connection.
      reply.header('connection', 'close')
      const { userId: ownerId } = await authenticate(ctx, request)
      if (arriving >= maxAtOnce) throw tooManyForms()
      arriving += 1
      try {
        if (!request.isMultipart()) throw noFile()
        const media = await receive(request.files(), ownerId, spanOf(request)?.traceparent)
        return await reply.removeHeader('connection').status(201).send(mediaObject(media))
      } finally {
        arriving -= 1
      }
    })
  })

  async function receive(
    files: AsyncIterableIterator<MultipartFile>,
    ownerId: UserId,
    trace: string | undefined,
  ) {
    const part = await nextOf(files)
    // What has a type and no name is handed over as a file too.
    if (part?.filename === undefined) throw noFile()
    await using directory = await mkdtempDisposable(path.join(tmpdir(), 'parley-form-'))
    const file = path.join(directory.path, 'file')
    const signal = AbortSignal.timeout(requestDeadlineMs)
    await pipeline(part.file, createWriteStream(file), { signal }).catch(asBroken)
    if (part.file.truncated) throw uploadTooLarge(maxBytes)
    if (await nextOf(files)) throw oneFileOnly()
    const { size: sizeBytes } = await stat(file)
    if (sizeBytes === 0) throw noFile()
    const contentType = /^[\w.+-]+\/[\w.+-]+$/.test(part.mimetype) ? part.mimetype : unknownType
    const fileName = part.filename.slice(0, 1_024).toWellFormed().replaceAll('\0', '')
    const { ttlSeconds } = ctx.config.uploads
    const request = { ownerId, fileName, contentType, sizeBytes }
    const { mediaId, incomingKey } = await openTicket(ctx, request, { area: 'incoming', ttlSeconds })
    try {
      await ctx.storage.putFile(incomingKey, file)
      return await completeUpload(ctx, { ownerId, mediaId, trace })
    } catch (cause) {
      await withdrawTicket(ctx, { ownerId, mediaId })
      throw cause
    }
  }
}

async function nextOf(files: AsyncIterableIterator<MultipartFile>): Promise<MultipartFile | undefined> {
  const { value } = await files.next().catch((cause: { code?: string }) => {
    if (cause.code === 'FST_FILES_LIMIT') throw oneFileOnly()
    return asBroken(cause)
  })
  return value
}

/** What cannot be read, or is not read to its end, is the client's to mend; a disk that cannot be written is not. */
function asBroken(cause: unknown): never {
  const { statusCode = 500, syscall = 'read' } = cause as { statusCode?: number; syscall?: string }
  throw statusCode < 500 || syscall !== 'read' ? cause : formBroken(cause)
}
