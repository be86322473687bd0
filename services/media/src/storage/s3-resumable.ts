import { HeadObjectCommand, type S3Client, type S3ClientConfig } from '@aws-sdk/client-s3'
import { type MetadataValue, S3Store } from '@tus/s3-store'
import { ERRORS } from '@tus/server'
import { resumableExtensions } from './storage.ts'

const partBytes = 8 * 1024 ** 2
/** Each holds a part in the temporary directory. */
const maxPartsAtOnce = 16
const maxRemembered = 1_000

/** Gathers resumable uploads as multipart uploads, with what is known of each beside it, under `<key>.info`. */
export function openResumable(
  client: S3Client,
  { bucket, config, ttlSeconds }: { bucket: string; config: S3ClientConfig; ttlSeconds: number },
): S3Store {
  const cache = createBoundedCache()
  const store = new S3Store({
    partSize: partBytes,
    maxConcurrentPartUploads: maxPartsAtOnce,
    // Older stores refuse tags; the sweep removes what was given up.
    useTags: false,
    expirationPeriodInMilliseconds: ttlSeconds * 1_000,
    cache,
    s3ClientConfig: { ...config, bucket },
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
      const { $metadata } = cause as { $metadata?: { httpStatusCode?: number } }
      throw $metadata?.httpStatusCode === 404 ? ERRORS.FILE_NOT_FOUND : cause
    })
  }
  return store
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
