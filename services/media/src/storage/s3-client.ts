import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3'
import type { S3Config } from '../config.ts'

/** How long a store may say nothing before it counts as away. */
interface StorePatience {
  silentMs: number
  /** While it copies an object, or makes one of its parts, it may be silent until all of it is done. */
  copySilentMs: number
}

export const storePatience: StorePatience = { silentMs: 20_000, copySilentMs: 600_000 }

const requestMs = 60_000
/** More at once wait for a connection, and what waits for one fails. */
const maxConnections = 200

interface Differences {
  /** Another than this service's own way to the store. */
  endpoint?: string
  silentMs?: number
}

export const openS3Client = (config: Omit<S3Config, 'driver'>, differences: Differences = {}): S3Client =>
  new S3Client(s3ClientConfig(config, differences))

export function s3ClientConfig(
  config: Omit<S3Config, 'driver'>,
  { endpoint = config.endpoint, silentMs = storePatience.silentMs }: Differences = {},
): S3ClientConfig {
  return {
    endpoint,
    region: config.region,
    forcePathStyle: config.forcePathStyle,
    credentials: { accessKeyId: config.accessKeyId, secretAccessKey: config.secretAccessKey },
    // A presigned PUT would carry the checksum of an empty body, and older stores refuse a checksum in a trailer.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    maxAttempts: 3,
    requestHandler: {
      connectionTimeout: 2_000,
      requestTimeout: Math.max(requestMs, silentMs),
      throwOnRequestTimeout: true,
      socketTimeout: silentMs,
      httpAgent: { maxSockets: maxConnections },
      httpsAgent: { maxSockets: maxConnections },
    },
    // Without one the SDK prints to the console. What it has to say comes back as an error.
    logger: { trace() {}, debug() {}, info() {}, warn() {}, error() {} },
  }
}

/** Undefined where the store has not answered. */
export function statusOf(cause: unknown): number | undefined {
  return (cause as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode
}

/** What the store would say again to the same request. One that is away, slow or failing comes back. */
export function isRefusal(cause: unknown): boolean {
  const status = statusOf(cause)
  return status !== undefined && status < 500 && status !== 429
}
