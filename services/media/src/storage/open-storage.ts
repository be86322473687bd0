import type { Logger } from '@parley/shared/log'
import type { StorageConfig } from '../config.ts'
import { openFsStorage } from './fs.ts'
import { openS3Storage } from './s3.ts'
import type { Storage } from './storage.ts'

export async function openStorage(config: StorageConfig, log: Logger): Promise<Storage> {
  switch (config.driver) {
    case 'fs':
      return openFsStorage(config, log)
    case 's3':
      return openS3Storage(config)
  }
}
