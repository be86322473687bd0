import type { HttpApp } from '@parley/shared/http'
import type { Logger } from '@parley/shared/log'
import type { StorageConfig } from '../config.ts'
import { fsRoutes } from './fs-routes.ts'
import { openFsStorage } from './fs.ts'
import type { Storage } from './storage.ts'

interface OpenedStorage {
  storage: Storage
  /** Adds what the links lead to, where they lead here. */
  serveLinks: (app: HttpApp) => void
}

export async function openStorage(config: StorageConfig, log: Logger): Promise<OpenedStorage> {
  switch (config.driver) {
    case 'fs': {
      const storage = await openFsStorage(config, log)
      return { storage, serveLinks: (app) => fsRoutes(app, storage) }
    }
    case 's3': {
      // 25 MB of memory that `fs` does without.
      const { openS3Storage } = await import('./s3.ts')
      return { storage: openS3Storage(config), serveLinks() {} }
    }
  }
}
