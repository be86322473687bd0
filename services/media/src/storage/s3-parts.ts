import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  ListMultipartUploadsCommand,
  ListPartsCommand,
  type Part,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'
import { partSizes, type PartLinks, type PartTerms } from './storage.ts'

type Sizes = Pick<PartTerms, 'sizeBytes' | 'partSizeBytes'>

/**
 * Objects in parts. The store itself is asked which uploads of a key are open and which parts they have, so nothing
 * is remembered here and nothing a client says of its parts (sizes, ETags) is believed.
 */
export function createS3Parts({
  client,
  copier,
  signer,
  bucket: Bucket,
}: {
  client: S3Client
  copier: S3Client
  signer: S3Client
  bucket: string
}) {
  async function listOpen(Key: string): Promise<string[]> {
    const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket, Prefix: Key }))
    return Uploads.filter((open) => open.Key === Key).flatMap(({ UploadId }) => UploadId ?? [])
  }

  async function list(Key: string, UploadId: string): Promise<Part[]> {
    const parts: Part[] = []
    let after: string | undefined
    do {
      const page = await client.send(
        new ListPartsCommand({ Bucket, Key, UploadId, ...(after ? { PartNumberMarker: after } : {}) }),
      )
      parts.push(...(page.Parts ?? []))
      after = page.IsTruncated ? page.NextPartNumberMarker : undefined
    } while (after)
    return parts
  }

  async function join(Key: string, UploadId: string, sizes: Sizes): Promise<boolean> {
    const parts = await list(Key, UploadId)
    const wanted = partSizes(sizes)
    if (parts.length !== wanted.length || parts.some(({ Size }, i) => Size !== wanted[i])) return false
    await complete(Key, UploadId, parts)
    return true
  }

  async function complete(Key: string, UploadId: string, parts: Part[]): Promise<void> {
    const MultipartUpload = { Parts: parts.map(({ ETag, PartNumber }) => ({ ETag, PartNumber })) }
    await copier.send(new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload }))
  }

  return {
    /** In their order. */
    list,
    complete,

    async links(Key: string, terms: PartTerms): Promise<PartLinks> {
      const { UploadId } = await client.send(
        new CreateMultipartUploadCommand({ Bucket, Key, ContentType: 'application/octet-stream' }),
      )
      const linkTo = (sizeBytes: number, i: number) =>
        getSignedUrl(
          signer,
          new UploadPartCommand({ Bucket, Key, UploadId, PartNumber: i + 1, ContentLength: sizeBytes }),
          // Under the signature, so that the store refuses any other length.
          { expiresIn: terms.ttlSeconds, signableHeaders: new Set(['host', 'content-length']) },
        )
      const parts = await Promise.all(
        partSizes(terms).map(async (sizeBytes, i) => ({ url: await linkTo(sizeBytes, i), sizeBytes })),
      )
      return { method: 'PUT', headers: {}, partSizeBytes: terms.partSizeBytes, parts }
    },

    async assemble(Key: string, sizes: Sizes): Promise<boolean> {
      const [UploadId] = await listOpen(Key)
      // Put together before, or never begun: the object itself will tell.
      if (UploadId === undefined) return true
      return join(Key, UploadId, sizes).catch((cause: unknown) => {
        // Another request was faster. Not every command of the SDK knows this error as a class.
        if (cause instanceof Error && cause.name === 'NoSuchUpload') return true
        throw cause
      })
    },

    /** Lets go of parts that never became an object. */
    async abort(Key: string): Promise<void> {
      for (const UploadId of await listOpen(Key)) {
        await client.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId }))
      }
    },
  }
}

/** Of what was put side by side one part may be missing. */
export const hasHole = (parts: Part[]) => parts.some(({ PartNumber }, i) => PartNumber !== i + 1)

export const bytesIn = (parts: Part[]) => parts.reduce((sum, { Size = 0 }) => sum + Size, 0)

/**
 * What the object of a rest says: behind how many parts its bytes belong. Whoever has lost the lock of an upload may put
 * a rest while another puts the part that belongs there. A rest of an earlier release says nothing.
 */
export const tailBehind = (count: number) => ({ behind: String(count) })
export const isBehind = (metadata: Record<string, string> | undefined, count: number) =>
  (metadata?.['behind'] ?? String(count)) === String(count)

export type S3Parts = ReturnType<typeof createS3Parts>
