import { createReadStream, createWriteStream, type ReadStream } from 'node:fs'
import { mkdtempDisposable, open, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as wait } from 'node:timers/promises'
import {
  DeleteObjectCommand,
  GetObjectCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { mediaNotFound, offsetDiffers } from '../errors.ts'
import { isRefusal, statusOf } from './s3-client.ts'
import { bytesIn, hasHole, isBehind, type S3Parts, tailBehind } from './s3-parts.ts'

const partBytes = 8 * 1024 ** 2
/** Stores take no smaller part, but as the last. What ends before that waits in an object of its own, under `<key>.part`. */
const leastPartBytes = 5 * 1024 ** 2
const partDeadlineMs = 60_000
const maxAttempts = 3
const retryAfterMs = 200

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
 * held in the temporary directory, and nothing that another upload waits for. Who lost the lock of the upload, as in a
 * failover of Redis, finds that another has put a part, and stops.
 *
 * @throws AppError `conflict` if the upload does not stand where these bytes begin, `not_found` if it has a hole
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
    const found = await parts.list(Key, UploadId)
    if (hasHole(found)) throw mediaNotFound()
    let number = found.length + 1
    let tailBytes = await fetchTail(tail, file, found.length)
    if (bytesIn(found) + tailBytes !== offset) throw offsetDiffers()
    await using gathered = await open(file, 'a')
    let size = tailBytes
    let reached = offset

    async function demandNoOther(): Promise<void> {
      const there = await parts.list(Key, UploadId)
      if ((there.at(-1)?.PartNumber ?? 0) !== number - 1) throw offsetDiffers()
    }

    async function putPart(): Promise<void> {
      await demandNoOther()
      // First, so that a crash or a store that fails makes the client send these bytes again, rather than count them twice.
      if (tailBytes > 0) await client.send(new DeleteObjectCommand(tail), inTime())
      tailBytes = 0
      const part = { Bucket, Key, UploadId, PartNumber: number, ContentLength: size }
      await sendFile(file, (Body, options) => client.send(new UploadPartCommand({ ...part, Body }), options))
      number += 1
      size = 0
      await gathered.truncate()
    }

    async function putTail(): Promise<void> {
      await demandNoOther()
      const rest = { ...tail, ContentLength: size, Metadata: tailBehind(number - 1) }
      await sendFile(file, (Body, options) => client.send(new PutObjectCommand({ ...rest, Body }), options))
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
    if (isEnd) await complete()
    return reached

    async function complete(): Promise<void> {
      const all = await parts.list(Key, UploadId)
      if (bytesIn(all) !== sizeBytes) throw offsetDiffers()
      await parts.complete(Key, UploadId, all)
    }
  }

  /** How many bytes it had; none if there is none behind so many parts. */
  async function fetchTail(
    tail: { Bucket: string; Key: string },
    file: string,
    count: number,
  ): Promise<number> {
    const got = await client.send(new GetObjectCommand(tail), inTime()).catch((cause: unknown) => {
      if (statusOf(cause) === 404) return undefined
      throw cause
    })
    if (!got) return 0
    if (!isBehind(got.Metadata, count)) {
      ;(got.Body as Readable).destroy()
      return 0
    }
    const signal = AbortSignal.timeout(partDeadlineMs)
    await pipeline(got.Body as Readable, createWriteStream(file), { signal })
    return (await stat(file)).size
  }
}

/**
 * The SDK sends a stream once and no more, and a connection that was kept open may end under it. The same bytes in the
 * same place do no harm. All attempts have the time of one.
 */
async function sendFile(
  file: string,
  send: (body: ReadStream, options: ReturnType<typeof inTime>) => Promise<unknown>,
): Promise<void> {
  const options = inTime()
  for (let attempt = 1; ; attempt += 1) {
    await using body = createReadStream(file)
    try {
      await send(body, options)
      return
    } catch (cause) {
      if (attempt === maxAttempts || isRefusal(cause)) throw cause
    }
    await wait(attempt * retryAfterMs)
  }
}

const inTime = () => ({ abortSignal: AbortSignal.timeout(partDeadlineMs) })
