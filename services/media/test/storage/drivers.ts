import { randomUUID } from 'node:crypto'
import dns from 'node:dns'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createHttpApp } from '@parley/shared/http'
import { createLogger } from '@parley/shared/log'
import { gatewayDomain, startCephGateway } from '@parley/testing/ceph-gateway'
import { startObjectStore } from '@parley/testing/object-store'
import { startStoreProxy } from '@parley/testing/s3-fault-proxy'
import type { S3Config } from '../../src/config.ts'
import { startMedia } from '../../src/service.ts'
import { fsRoutes } from '../../src/storage/fs-routes.ts'
import { openFsStorage } from '../../src/storage/fs.ts'
import { ensureBucket, openS3Storage } from '../../src/storage/s3.ts'
import { newKey, type Storage } from '../../src/storage/storage.ts'
import { createClient } from '../client.ts'
import { test as onService } from '../fixture.ts'

const log = createLogger('media', { level: 'silent' })

const withDirectory = onService.extend('directory', { scope: 'file' }, async ({}, { onCleanup }) => {
  const directory = await mkdtemp(path.join(tmpdir(), 'parley-storage-'))
  onCleanup(() => rm(directory, { recursive: true, force: true }))
  return directory
})

const withStore = withDirectory
  .extend('s3', { scope: 'file' }, async ({}, { onCleanup }): Promise<S3Config> => {
    const store = await startObjectStore()
    onCleanup(() => store[Symbol.asyncDispose]())
    const { endpoint, accessKeyId, secretAccessKey } = store
    const bucket = `media-${randomUUID()}`
    const keys = {
      accessKeyId,
      secretAccessKey,
      region: 'us-east-1',
      bucket,
      forcePathStyle: true,
      enforcesPostPolicy: true,
    }
    const config = { driver: 's3' as const, endpoint, publicEndpoint: endpoint, ...keys }
    await ensureBucket(config)
    await ensureBucket(config)
    return config
  })
  .extend('proxy', async ({ s3 }, { onCleanup }) => {
    const proxy = await startStoreProxy(s3.endpoint)
    onCleanup(() => proxy[Symbol.asyncDispose]())
    return proxy
  })
  .extend('throughProxy', async ({ s3, config, issuer, proxy }, { onCleanup }) => {
    const owned = new AsyncDisposableStack()
    onCleanup(() => owned.disposeAsync())
    return async (clients: 'straight' | 'too' = 'straight') => {
      const publicEndpoint = clients === 'too' ? proxy.endpoint : s3.endpoint
      const storage = { ...s3, endpoint: proxy.endpoint, publicEndpoint }
      const sweep = { everyMs: 200, requeueAfterMs: 1_000 }
      const service = owned.use(await startMedia({ ...config, storage, sweep }))
      const ids = { userId: `user-${randomUUID()}`, sessionId: '' }
      const token = await issuer.sign({ userId: ids.userId })
      return { service, ann: createClient({ url: service.url, publicUrl: service.url, token, ...ids }) }
    }
  })

export const onFs = withStore.extend(
  'storage',
  { scope: 'file' },
  async ({ directory }, { onCleanup }): Promise<Storage> => {
    const app = createHttpApp(log)
    onCleanup(() => app.close())
    const publicUrl = 'http://media.invalid'
    const root = path.join(directory, 'objects')
    const storage = await openFsStorage({ path: root, linkSecret: randomUUID(), publicUrl }, log)
    fsRoutes(app, storage)
    return reachedAt(storage, publicUrl, await app.listen({ host: '127.0.0.1', port: 0 }))
  },
)

export const onS3 = withStore.extend(
  'storage',
  { scope: 'file' },
  async ({ s3 }, { onCleanup }): Promise<Storage> => {
    const storage = openS3Storage(s3)
    onCleanup(() => storage[Symbol.asyncDispose]())
    return storage
  },
)

/** With the bucket in the host's name, as AWS has it for new ones. Always Ceph, which is told its own name. */
export const onS3ByHost = withStore
  .extend('s3', { scope: 'file' }, async ({}, { onCleanup }): Promise<S3Config> => {
    const owned = new AsyncDisposableStack()
    onCleanup(() => owned.disposeAsync())
    const keys = { accessKeyId: randomUUID(), secretAccessKey: randomUUID() }
    const { endpoint: address } = owned.use(await startCephGateway(keys))
    owned.use(resolveLocalhost())
    const endpoint = `http://${gatewayDomain}:${new URL(address).port}`
    const options = { region: 'us-east-1', forcePathStyle: false, enforcesPostPolicy: true }
    const bucket = `media-${randomUUID()}`
    const config = { driver: 's3' as const, endpoint, publicEndpoint: endpoint, bucket, ...keys, ...options }
    await ensureBucket(config)
    await ensureBucket(config)
    return config
  })
  .extend('storage', { scope: 'file' }, async ({ s3 }, { onCleanup }): Promise<Storage> => {
    const storage = openS3Storage(s3)
    onCleanup(() => storage[Symbol.asyncDispose]())
    return storage
  })

/** Names that end in `.localhost` are this machine (RFC 6761, 6.3), which not every system's resolver knows. */
function resolveLocalhost(): Disposable {
  const known = dns.lookup
  const lookup = (name: string, ...more: unknown[]) =>
    Reflect.apply(known, dns, [name.endsWith('.localhost') ? '127.0.0.1' : name, ...more])
  dns.lookup = lookup as typeof dns.lookup
  return { [Symbol.dispose]: () => void (dns.lookup = known) }
}

/** The same storage with its links leading to where the test server listens. */
function reachedAt(storage: Storage, publicUrl: string, url: string): Storage {
  return {
    ...storage,
    async uploadLink(key, terms) {
      const link = await storage.uploadLink(key, terms)
      return { ...link, url: link.url.replace(publicUrl, url) }
    },
    async partLinks(key, terms) {
      const links = await storage.partLinks(key, terms)
      return {
        ...links,
        parts: links.parts.map((part) => ({ ...part, url: part.url.replace(publicUrl, url) })),
      }
    },
    downloadLink: async (key, terms) => (await storage.downloadLink(key, terms)).replace(publicUrl, url),
  }
}

export type StorageTest = typeof onFs

export const jpeg = { contentType: 'image/jpeg', ttlSeconds: 60 }
export const shown = { contentType: 'image/webp', disposition: 'inline; filename="a.webp"', ttlSeconds: 60 }

export async function put(storage: Storage, directory: string, bytes: Buffer): Promise<string> {
  const key = newKey('media')
  const file = path.join(directory, randomUUID())
  await writeFile(file, bytes)
  await storage.putFile(key, file)
  return key
}
