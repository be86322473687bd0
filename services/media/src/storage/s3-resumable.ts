import { HeadObjectCommand, type S3Client, type S3ClientConfig } from '@aws-sdk/client-s3'
import { type MetadataValue, S3Store } from '@tus/s3-store'
import { ERRORS } from '@tus/server'
import { mediaNotFound } from '../errors.ts'
import { createS3Appender } from './s3-append.ts'
import { statusOf } from './s3-client.ts'
import { hasHole, isBehind, type S3Parts } from './s3-parts.ts'
import { resumableExtensions } from './storage.ts'

const maxRemembered = 1_000

interface ResumableOptions {
  client: S3Client
  parts: S3Parts
  bucket: string
  config: S3ClientConfig
  ttlSeconds: number
}

/** Gathers resumable uploads as multipart uploads, with what is known of each beside it, under `<key>.info`. */
export function openResumable({ client, parts, bucket, config, ttlSeconds }: ResumableOptions): S3Store {
  const cache = createBoundedCache()
  const store = new GatheringStore({
    // Older stores refuse tags; the sweep removes what was given up.
    useTags: false,
    expirationPeriodInMilliseconds: ttlSeconds * 1_000,
    cache,
    // With the connections of the other client.
    s3ClientConfig: { ...config, requestHandler: client.config.requestHandler, bucket },
  })
  store.extensions = resumableExtensions

  const getUpload = store.getUpload.bind(store)
  // It takes any failure to read what is known of an upload for "there is none", and a client would begin anew.
  store.getUpload = async (id) => {
    if (!(await cache.get(id))) await confirm(id)
    return getUpload(id)
  }
  async function confirm(id: string): Promise<void> {
    const info = new HeadObjectCommand({ Bucket: bucket, Key: `${id}.info` })
    await client.send(info).catch((cause: unknown) => {
      throw statusOf(cause) === 404 ? ERRORS.FILE_NOT_FOUND : cause
    })
  }

  const append = createS3Appender({ client, parts, bucket })
  // Its own way has a number of parts that all uploads share, which those that stand still keep from the others and a
  // failing store uses up for good; and it sends several parts of one upload at once.
  store.write = async (bytes, id, offset) => {
    if (!(await cache.get(id))) await store.getUpload(id)
    const known = await cache.get(id)
    if (known?.file.size === undefined) throw mediaNotFound()
    const upload = { key: id, uploadId: known['upload-id'], sizeBytes: known.file.size }
    const reached = await append(bytes, upload, offset)
    if (reached === upload.sizeBytes) await cache.delete(id)
    return reached
  }
  return store
}

class GatheringStore extends S3Store {
  /** With a hole an upload counts as gone: what comes next would be taken for what belongs there. */
  protected override async retrieveParts(id: string, after?: string) {
    const parts = await super.retrieveParts(id, after)
    if (after === undefined && hasHole(parts)) throw mediaNotFound()
    return parts
  }

  protected override async getIncompletePartSize(id: string) {
    const tail = new HeadObjectCommand({ Bucket: this.bucket, Key: `${id}.part` })
    const found = await this.client.send(tail).catch((cause: unknown) => {
      if (statusOf(cause) === 404) return undefined
      throw cause
    })
    if (!found) return undefined
    const { length } = await this.retrieveParts(id)
    return isBehind(found.Metadata, length) ? found.ContentLength : undefined
  }
}

/** The store forgets an upload only when it is complete; the oldest of those that were given up must go too. */
function createBoundedCache() {
  const remembered = new Map<string, MetadataValue>()
  return {
    get: async (key: string) => remembered.get(key),
    async set(key: string, value: MetadataValue) {
      remembered.delete(key)
      remembered.set(key, value)
      const [oldest] = remembered.keys()
      if (remembered.size > maxRemembered && oldest !== undefined) remembered.delete(oldest)
    },
    async delete(key: string) {
      remembered.delete(key)
    },
  }
}
