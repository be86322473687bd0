import { createReadStream, createWriteStream } from 'node:fs'
import { mkdtempDisposable, open, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import {
  DeleteObjectCommand,
  GetObjectCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { statusOf } from './s3-client.ts'
import type { S3Parts } from './s3-parts.ts'

const partBytes = 8 * 1024 ** 2
/** Stores take no smaller part, but as the last. What ends before that waits in an object of its own, under `<key>.part`. */
const leastPartBytes = 5 * 1024 ** 2
const partDeadlineMs = 60_000

interface GatheredUpload {
  key: string
  uploadId: string
  sizeBytes: number
}

interface S3AppenderOptions {
  client: S3Client
  parts: S3Parts
  bucket: string
}

/**
 * Puts bytes behind those that are there, and says where the upload then stands; the last byte makes it an object.
 * Part after part: of several at once one may fail, and what lies behind the hole would count as arrived. One part is
 * held in the temporary directory, and nothing that another upload waits for.
 */
export function createS3Appender({ client, parts, bucket: Bucket }: S3AppenderOptions) {
  return async function append(
    bytes: AsyncIterable<Buffer>,
    { key: Key, uploadId: UploadId, sizeBytes }: GatheredUpload,
    offset: number,
  ): Promise<number> {
    await using directory = await mkdtempDisposable(path.join(tmpdir(), 'parley-tus-'))
    const file = path.join(directory.path, 'part')
    const tail = { Bucket, Key: `${Key}.part` }
    let number = ((await parts.list(Key, UploadId)).at(-1)?.PartNumber ?? 0) + 1
    let tailBytes = await fetchTail(tail, file)
    await using gathered = await open(file, 'a')
    let size = tailBytes
    let reached = offset

    async function putPart(): Promise<void> {
      // First, so that a crash in between makes the client send these bytes again, rather than count them twice.
      if (tailBytes > 0) await client.send(new DeleteObjectCommand(tail), inTime())
      tailBytes = 0
      await using Body = createReadStream(file)
      const part = { Bucket, Key, UploadId, PartNumber: number, Body, ContentLength: size }
      await client.send(new UploadPartCommand(part), inTime())
      number += 1
      size = 0
      await gathered.truncate()
    }

    async function putTail(): Promise<void> {
      await using Body = createReadStream(file)
      await client.send(new PutObjectCommand({ ...tail, Body, ContentLength: size }), inTime())
    }

    for await (const chunk of bytes) {
      reached += chunk.length
      for (let rest = chunk; rest.length > 0;) {
        const fitting = rest.subarray(0, partBytes - size)
        await gathered.appendFile(fitting)
        size += fitting.length
        rest = rest.subarray(fitting.length)
        if (size === partBytes) await putPart()
      }
    }
    const isEnd = reached === sizeBytes
    if (size >= leastPartBytes || (isEnd && size > 0)) await putPart()
    else if (size > tailBytes) await putTail()
    if (isEnd) await parts.complete(Key, UploadId, await parts.list(Key, UploadId))
    return reached
  }

  /** How many bytes it had; none if there is no such object. */
  async function fetchTail(tail: { Bucket: string; Key: string }, file: string): Promise<number> {
    const got = await client.send(new GetObjectCommand(tail), inTime()).catch((cause: unknown) => {
      if (statusOf(cause) === 404) return undefined
      throw cause
    })
    if (!got) return 0
    const signal = AbortSignal.timeout(partDeadlineMs)
    await pipeline(got.Body as Readable, createWriteStream(file), { signal })
    return (await stat(file)).size
  }
}

const inTime = () => ({ abortSignal: AbortSignal.timeout(partDeadlineMs) })
