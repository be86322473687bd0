import type { S3ClientConfig } from '@aws-sdk/client-s3'
import { type MetadataValue, S3Store } from '@tus/s3-store'
import { resumableExtensions } from './storage.ts'

const partBytes = 8 * 1024 ** 2
/** Each holds a part in the temporary directory. */
const maxPartsAtOnce = 16
const maxRemembered = 1_000

/** Gathers resumable uploads as multipart uploads, with what is known of each beside it, under `<key>.info`. */
export function openResumable(config: S3ClientConfig, bucket: string, ttlSeconds: number): S3Store {
  const store = new S3Store({
    partSize: partBytes,
    maxConcurrentPartUploads: maxPartsAtOnce,
    // Older stores refuse tags; the sweep removes what was given up.
    useTags: false,
    expirationPeriodInMilliseconds: ttlSeconds * 1_000,
    cache: createBoundedCache(),
    s3ClientConfig: { ...config, bucket },
  })
  store.extensions = resumableExtensions
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
