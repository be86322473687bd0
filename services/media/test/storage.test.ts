import { describe } from 'vitest'
import { testDownloadLinks } from './storage/download-links.ts'
import { onFs, onS3 } from './storage/drivers.ts'
import { testStoreFaults } from './storage/faults.ts'
import { testLostLockOnS3 } from './storage/lost-lock-on-s3.ts'
import { testObjects } from './storage/objects.ts'
import { testServiceOnS3 } from './storage/on-s3.ts'
import { testPieces } from './storage/pieces.ts'
import { testResumableOnS3 } from './storage/resumable-on-s3.ts'
import { testUploadLinks } from './storage/upload-links.ts'

// One file, because starting the S3 server takes longer than all of this.
describe.for([
  { driver: 'fs', test: onFs },
  { driver: 's3', test: onS3 },
])('storage on $driver', ({ test }) => {
  testUploadLinks(test)
  testPieces(test)
  testDownloadLinks(test)
  testObjects(test)
})

describe('the service on S3', () => {
  testServiceOnS3()
  testResumableOnS3(onS3)
  testLostLockOnS3(onS3)
})

describe('while the store fails', () => {
  testStoreFaults(onS3)
})
