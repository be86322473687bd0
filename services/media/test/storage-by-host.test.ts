import { DeleteBucketPolicyCommand, PutBucketPolicyCommand, S3Client } from '@aws-sdk/client-s3'
import { describe, expect } from 'vitest'
import { testDownloadLinks } from './storage/download-links.ts'
import { jpeg, onS3ByHost as test, put } from './storage/drivers.ts'
import { testObjects } from './storage/objects.ts'
import { testPieces } from './storage/pieces.ts'
import { testUploadLinks } from './storage/upload-links.ts'

describe('storage on s3 with the bucket in the host’s name', () => {
  testUploadLinks(test)
  testPieces(test)
  testDownloadLinks(test)
  testObjects(test)

  test('links lead to the bucket’s own host', async ({ storage, s3 }) => {
    const { url } = await storage.uploadLink('incoming/a', { ...jpeg, sizeBytes: 5 })
    expect(new URL(url).host).toBe(`${s3.bucket}.${new URL(s3.endpoint).host}`)
    expect(new URL(url).pathname).toBe('/incoming/a')
  })

  test('removes what it may beside what the store has a rule for, and says what stays', async ({
    storage,
    directory,
    s3,
  }) => {
    const [held, free] = [
      await put(storage, directory, Buffer.from('held')),
      await put(storage, directory, Buffer.from('free')),
    ]
    const client = new S3Client({ ...s3, credentials: s3 })
    const rule = {
      Effect: 'Deny',
      Principal: '*',
      Action: 's3:DeleteObject',
      Resource: `arn:aws:s3:::${s3.bucket}/${held}`,
    }
    const Policy = JSON.stringify({ Version: '2012-10-17', Statement: [rule] })
    await client.send(new PutBucketPolicyCommand({ Bucket: s3.bucket, Policy }))
    expect(await storage.remove([held, free])).toMatchObject([{ key: held }])
    expect([await storage.peek(held, 4), await storage.peek(free, 4)]).toMatchObject([
      { sizeBytes: 4 },
      undefined,
    ])
    await client.send(new DeleteBucketPolicyCommand({ Bucket: s3.bucket }))
    expect(await storage.remove([held, free])).toEqual([])
    client.destroy()
  })
})
