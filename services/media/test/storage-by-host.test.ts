import { describe, expect } from 'vitest'
import { testDownloadLinks } from './storage/download-links.ts'
import { jpeg, onS3ByHost as test } from './storage/drivers.ts'
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
})
