import { createReadStream, createWriteStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import {
  CopyObjectCommand,
  CreateBucketCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadBucketCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3'
import { createPresignedPost } from '@aws-sdk/s3-presigned-post'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'
import { AppError } from '@parley/shared/errors'
import type { S3Config } from '../config.ts'
import { storageUnavailable } from '../errors.ts'
import { isRefusal, openS3Client, s3ClientConfig, statusOf, storePatience } from './s3-client.ts'
import { createS3Parts } from './s3-parts.ts'
import { openResumable } from './s3-resumable.ts'
import { type FormLink, isIn, type Kept, type Storage, type UploadTerms } from './storage.ts'

/** Objects in an S3-compatible store. Links are presigned, so no byte of a client passes through this service. */
export function openS3Storage(
  config: Omit<S3Config, 'driver'>,
  { silentMs, copySilentMs } = storePatience,
): Storage {
  const { bucket: Bucket } = config
  const client = openS3Client(config, { silentMs })
  const copier = openS3Client(config, { silentMs: copySilentMs })
  // Signing needs no connection, only the address that clients will use.
  const signer = openS3Client(config, { endpoint: config.publicEndpoint })
  const parts = createS3Parts({ client, copier, signer, bucket: Bucket })
  const gather = (ttlSeconds: number) =>
    openResumable({ client, parts, bucket: Bucket, config: s3ClientConfig(config), ttlSeconds })

  return {
    uploadLastsMs,
    ...(config.enforcesPostPolicy ? { formLink } : {}),
    partLinks: (key, terms) => parts.links(key, terms).catch(asUnavailable),
    assemble: (key, sizes) => parts.assemble(key, sizes).catch(asUnavailable),
    resumable: gather,

    async finishResumable(key, sizeBytes) {
      if (await this.peek(key, 1)) return
      // With all bytes there and none to add, the store is told to put them together.
      // One that it does not know any more was put together by another request.
      await optional(gather(0).write(Readable.from([]), key, sizeBytes))
    },

    async uploadLink(key, { contentType, sizeBytes, ttlSeconds }) {
      const put = new PutObjectCommand({
        Bucket,
        Key: key,
        ContentType: contentType,
        ContentLength: sizeBytes,
      })
      const url = await getSignedUrl(signer, put, {
        expiresIn: ttlSeconds,
        // Under the signature, so that the store refuses any other length or type.
        signableHeaders: new Set(['host', 'content-type', 'content-length']),
      })
      return { method: 'PUT', url, headers: { 'content-type': contentType } }
    },

    downloadLink(key, { contentType, disposition, ttlSeconds }) {
      const get = new GetObjectCommand({
        Bucket,
        Key: key,
        ResponseContentType: contentType,
        ResponseContentDisposition: disposition,
        ResponseCacheControl: `private, max-age=${ttlSeconds}`,
      })
      return getSignedUrl(signer, get, { expiresIn: ttlSeconds })
    },

    async peek(key, bytes, from = 0) {
      const Range = `bytes=${from}-${from + bytes - 1}`
      const got = await optional(client.send(new GetObjectCommand({ Bucket, Key: key, Range }), soon()))
      if (got === 'absent') return undefined
      if (got === 'empty') return { sizeBytes: 0, start: Buffer.alloc(0) }
      const start = Buffer.from((await got.Body?.transformToByteArray().catch(asUnavailable)) ?? [])
      // `bytes 0-99/1234`; a store that ignores the range sends the whole and no such header.
      const total = got.ContentRange?.split('/')[1] ?? got.ContentLength
      const first = got.ContentRange ? 0 : from
      return { sizeBytes: Number(total), start: start.subarray(first, first + bytes) }
    },

    async copy(from, to) {
      const copied = await optional(
        copier.send(
          new CopyObjectCommand({
            Bucket,
            Key: to,
            CopySource: `${Bucket}/${from}`,
            // Nothing is kept under a type that its uploader chose.
            MetadataDirective: 'REPLACE',
            ContentType: 'application/octet-stream',
          }),
        ),
      )
      return copied !== 'absent'
    },

    async fetchFile(key, file) {
      const got = await optional(client.send(new GetObjectCommand({ Bucket, Key: key }), inTime()))
      if (got === 'absent' || got === 'empty') return false
      await pipeline(got.Body as Readable, createWriteStream(file), {
        signal: AbortSignal.timeout(transferDeadlineMs),
      }).catch(asUnavailable)
      return true
    },

    async putFile(key, file) {
      const { size } = await stat(file)
      // Closed also where the store never read it.
      await using Body = createReadStream(file)
      const put = new PutObjectCommand({
        Bucket,
        Key: key,
        Body,
        ContentLength: size,
        ContentType: 'application/octet-stream',
      })
      await client.send(put, inTime()).catch(asUnavailable)
    },

    async remove(keys) {
      if (keys.length === 0) return []
      const kept: Kept[] = []
      for (const key of keys.filter((one) => isIn('parts', one) || isIn('tus', one))) {
        await parts.abort(key).catch((cause: unknown) => {
          if (!isRefusal(cause)) throw storageUnavailable(cause)
          kept.push({ key, cause })
        })
      }
      const beside = keys.filter((key) => isIn('tus', key)).flatMap((key) => [`${key}.info`, `${key}.part`])
      const Delete = { Objects: [...keys, ...beside].map((Key) => ({ Key })), Quiet: true }
      const { Errors = [] } = await client
        .send(new DeleteObjectsCommand({ Bucket, Delete }), soon())
        .catch(asUnavailable)
      for (const { Key = '', Code } of Errors) {
        const key = keys.find((one) => Key === one || Key.startsWith(`${one}.`))
        if (key !== undefined) kept.push({ key, cause: new Error(`${Code} on delete`) })
      }
      return kept.filter(({ key }, i) => kept.findIndex((one) => one.key === key) === i)
    },

    async [Symbol.asyncDispose]() {
      for (const opened of [client, copier, signer]) opened.destroy()
    },
  }

  async function formLink(
    key: string,
    { contentType, sizeBytes, ttlSeconds }: UploadTerms,
  ): Promise<FormLink> {
    const { url, fields } = await createPresignedPost(signer, {
      Bucket,
      Key: key,
      Fields: { 'Content-Type': contentType },
      Conditions: [
        ['content-length-range', sizeBytes, sizeBytes],
        ['eq', '$Content-Type', contentType],
      ],
      Expires: ttlSeconds,
    })
    return { method: 'POST', url, fields }
  }
}

/** Makes the bucket unless it is there already. */
export async function ensureBucket(config: Omit<S3Config, 'driver'>): Promise<void> {
  const { bucket: Bucket } = config
  const client = openS3Client(config)
  try {
    const found = await optional(client.send(new HeadBucketCommand({ Bucket })))
    if (found === 'absent') await client.send(new CreateBucketCommand({ Bucket }))
  } finally {
    client.destroy()
  }
}

/** A store sets no bound itself: the largest upload at a megabit a second. */
const uploadLastsMs = 12 * 3_600_000
/** For the bytes of one object, whose size is bounded by MAX_UPLOAD_BYTES. */
const transferDeadlineMs = 120_000
/** For a question; a client waits for the answer. */
const questionDeadlineMs = 10_000
const soon = () => ({ abortSignal: AbortSignal.timeout(questionDeadlineMs) })
const inTime = () => ({ abortSignal: AbortSignal.timeout(transferDeadlineMs) })

async function optional<T>(sent: Promise<T>): Promise<T | 'absent' | 'empty'> {
  try {
    return await sent
  } catch (cause) {
    const status = statusOf(cause)
    if (status === 404) return 'absent'
    // No range of an object without bytes can be satisfied.
    if (status === 416) return 'empty'
    return asUnavailable(cause)
  }
}

/** A refusal of what we asked is a defect and stays one; and what was already said in our words stays as it is. */
function asUnavailable(cause: unknown): never {
  throw cause instanceof AppError || isRefusal(cause) ? cause : storageUnavailable(cause)
}
