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
import { demandPace } from './demand-pace.ts'
import { openTicket } from './open-ticket.ts'
import { createPlaces } from './places.ts'
import { requestDeadlineMs } from './request-deadline.ts'
import { withdrawTicket } from './withdraw-ticket.ts'

/** Each may hold as many bytes in the temporary directory as an upload may have. */
const forms = { inAll: 16, ofOne: 8 }
const maxFields = 64

/** Ticket, bytes and completion in one request, for clients that can send a form and nothing more. */
export function formRoutes(app: HttpApp, ctx: Context): void {
  const { maxBytes } = ctx.config.uploads
  app.server.requestTimeout = requestDeadlineMs
  const places = createPlaces(forms, tooManyForms)

  void app.register(async (scope) => {
    await scope.register(multipart, {
      limits: {
        fields: maxFields,
        parts: maxFields + 1,
        fieldSize: 1_024,
        headerPairs: 16,
        fileSize: maxBytes,
      },
      throwFileSizeLimit: false,
    })
    scope.post('/v1/media/files', { schema: { response: { 201: MediaObject } } }, async (request, reply) => {
      // A refusal leaves the body unread, and Node would read it to its end to keep the connection.
      reply.header('connection', 'close')
      const { userId: ownerId } = await authenticate(ctx, request)
      using _place = places.take(ownerId)
      if (!request.isMultipart()) throw noFile()
      demandPace(request.raw, reply.raw)
      const media = await receive(request.files(), ownerId, spanOf(request)?.traceparent)
      return await reply.removeHeader('connection').status(201).send(mediaObject(media))
    })
  })

  async function receive(
    files: AsyncIterableIterator<MultipartFile>,
    ownerId: UserId,
    trace: string | undefined,
  ) {
    await using directory = await mkdtempDisposable(path.join(tmpdir(), 'parley-form-'))
    const file = path.join(directory.path, 'file')
    const part = await readOne(files, file)
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

  /** Reads a form to its end. What is in it beside one file is not looked at, and of several files none is taken. */
  async function readOne(files: AsyncIterableIterator<MultipartFile>, file: string): Promise<MultipartFile> {
    let found: MultipartFile | undefined
    for (let part = await nextOf(files); part; part = await nextOf(files)) {
      // What has a type and no name is handed over as a file too.
      if (found || part.filename === undefined) {
        if (await isLeftEmpty(part)) continue
        throw found ? oneFileOnly() : noFile()
      }
      const signal = AbortSignal.timeout(requestDeadlineMs)
      await pipeline(part.file, createWriteStream(file), { signal }).catch(asBroken)
      if (part.file.truncated) throw uploadTooLarge(maxBytes)
      found = part
    }
    if (!found) throw noFile()
    return found
  }
}

/** An input of a browser that nobody put a file into is sent as a file without a name and without bytes. */
async function isLeftEmpty({ filename, file }: MultipartFile): Promise<boolean> {
  if (filename) return false
  const first = await file[Symbol.asyncIterator]().next().catch(asBroken)
  return first.done === true
}

async function nextOf(files: AsyncIterableIterator<MultipartFile>): Promise<MultipartFile | undefined> {
  const { value } = await files.next().catch((cause: { code?: string }) => {
    // Told when the form has been read to its end.
    if (cause.code !== undefined && aboutFields.has(cause.code)) return { value: undefined }
    return asBroken(cause)
  })
  return value
}

/** Of fields whose names or values would harm whoever read them, and nobody does. */
const aboutFields = new Set(['FST_PROTO_VIOLATION', 'FST_INVALID_JSON_FIELD_ERROR'])

/** What cannot be read, or is not read to its end, is the client's to mend; a disk that cannot be written is not. */
function asBroken(cause: unknown): never {
  const { syscall = 'read' } = cause as { syscall?: string }
  throw syscall === 'read' ? formBroken(cause) : cause
}
