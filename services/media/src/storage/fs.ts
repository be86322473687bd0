import { randomUUID } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { copyFile, link, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { isDeepStrictEqual } from 'node:util'
import type { Logger } from '@parley/shared/log'
import { FileStore } from '@tus/file-store'
import type { FsConfig } from '../config.ts'
import { signLink } from './link.ts'
import { isIn, type Kept, partSizes, resumableExtensions, type Storage } from './storage.ts'

/** Paths of the routes that stand where an object store's own endpoint would; `fs-routes.ts` answers them. */
export const fsPaths = { upload: '/v1/media/incoming', download: '/v1/media/content' } as const

export interface FsStorage extends Storage {
  linkSecret: string
  /** Stores what is read from the stream, all or nothing. */
  write(key: string, bytes: Readable, signal: AbortSignal): Promise<void>
  sizeOf(key: string): Promise<number | undefined>
  read(key: string, part?: { start: number; end: number }): Readable
}

/** From the first byte of a request to its last. A connection that is silent for a minute ends before that. */
export const uploadDeadlineMs = 15 * 60_000

const abandonedAfterMs = 24 * 3_600_000

/** Objects as files below one directory, for one machine. Links are signed here and lead back to this service. */
export async function openFsStorage(
  { path: root, linkSecret, publicUrl }: Omit<FsConfig, 'driver'>,
  log: Logger,
): Promise<FsStorage> {
  const temporary = path.join(root, '.tmp')
  /** Resumable uploads that are not complete, below the keys they will have. */
  const gathered = path.join(root, '.tus')
  for (const directory of [temporary, gathered]) await mkdir(directory, { recursive: true })
  await removeAbandoned(temporary, log)

  const linkTo = (route: string, terms: Parameters<typeof signLink>[0]) =>
    `${new URL(route, publicUrl).href}?link=${signLink(terms, linkSecret)}`

  /** A reader sees the object whole or not at all, and after this returns a crash does not take it away. */
  async function publish(key: string, prepare: (file: string) => Promise<void>): Promise<void> {
    const file = path.join(temporary, randomUUID())
    const target = pathOf(root, key)
    try {
      await prepare(file)
      await mkdir(path.dirname(target), { recursive: true })
      await rename(file, target)
      await sync(path.dirname(target))
    } finally {
      await rm(file, { force: true })
    }
  }

  async function sizeOf(key: string): Promise<number | undefined> {
    return (await absentAsUndefined(stat(pathOf(root, key))))?.size
  }

  async function removeParts(key: string): Promise<void> {
    const { dir, base } = path.parse(pathOf(root, key))
    const names = (await absentAsUndefined(readdir(dir))) ?? []
    for (const name of names.filter((found) => found.startsWith(`${base}-`)))
      await rm(path.join(dir, name), { force: true })
  }

  async function removeGathered(key: string): Promise<void> {
    for (const name of [key, `${key}.json`]) await rm(path.join(gathered, name), { force: true })
  }

  return {
    linkSecret,
    uploadLastsMs: uploadDeadlineMs,
    sizeOf,

    async uploadLink(key, { contentType, sizeBytes, ttlSeconds }) {
      const expires = inSeconds(ttlSeconds)
      return {
        method: 'PUT',
        url: linkTo(fsPaths.upload, { method: 'PUT', key, contentType, sizeBytes, expires }),
        headers: { 'content-type': contentType },
      }
    },

    async partLinks(key, terms) {
      const expires = inSeconds(terms.ttlSeconds)
      const parts = partSizes(terms).map((sizeBytes, i) => {
        const part = {
          method: 'PUT' as const,
          key: partKey(key, i),
          contentType: partType,
          sizeBytes,
          expires,
        }
        return { url: linkTo(fsPaths.upload, part), sizeBytes }
      })
      const { partSizeBytes } = terms
      return { method: 'PUT', headers: { 'content-type': partType }, partSizeBytes, parts }
    },

    async assemble(key, sizes) {
      if ((await sizeOf(key)) !== undefined) return true
      const wanted = partSizes(sizes)
      const keys = wanted.map((_, i) => partKey(key, i))
      const found = await Promise.all(keys.map(sizeOf))
      if (!isDeepStrictEqual(found, wanted)) return false
      const joined = publish(key, async (file) => {
        for (const part of keys) {
          await pipeline(
            createReadStream(pathOf(root, part)),
            createWriteStream(file, { flags: 'a', flush: true }),
          )
        }
      })
      // Parts that are gone meanwhile were put together by another request.
      await absentAsUndefined(joined)
      await removeParts(key)
      return true
    },

    resumable(ttlSeconds) {
      const store = new FileStore({
        directory: gathered,
        expirationPeriodInMilliseconds: ttlSeconds * 1_000,
      })
      store.extensions = resumableExtensions
      return store
    },

    async finishResumable(key) {
      const file = path.join(gathered, key)
      if ((await sizeOf(key)) !== undefined) return
      await sync(file)
      await publish(key, (named) => link(file, named))
    },

    async downloadLink(key, { contentType, disposition, ttlSeconds }) {
      const expires = inSeconds(ttlSeconds)
      return linkTo(fsPaths.download, { method: 'GET', key, contentType, disposition, expires })
    },

    async peek(key, bytes, from = 0) {
      await using file = await absentAsUndefined(open(pathOf(root, key)))
      if (!file) return undefined
      const { size: sizeBytes } = await file.stat()
      const { bytesRead, buffer } = await file.read(Buffer.alloc(Math.min(bytes, sizeBytes)), {
        position: from,
      })
      return { sizeBytes, start: buffer.subarray(0, bytesRead) }
    },

    async copy(from, to) {
      const source = pathOf(root, from)
      // A file is never written in place here, so a second name for it is a copy that costs nothing.
      const copied = publish(to, (file) => link(source, file).catch(() => copyFile(source, file)))
      return (await absentAsUndefined(copied.then(() => true))) ?? false
    },

    async fetchFile(key, file) {
      const copied = await absentAsUndefined(copyFile(pathOf(root, key), file).then(() => true))
      return copied ?? false
    },

    async putFile(key, file) {
      await publish(key, async (copied) => {
        await copyFile(file, copied)
        await sync(copied)
      })
    },

    async write(key, bytes, signal) {
      await publish(key, (file) =>
        pipeline(bytes, createWriteStream(file, { flags: 'wx', flush: true }), { signal }),
      )
    },

    read(key, part) {
      return createReadStream(pathOf(root, key), part)
    },

    async remove(keys) {
      const kept: Kept[] = []
      for (const key of keys) {
        const file = pathOf(root, key)
        try {
          await rm(file, { force: true })
          if (isIn('parts', key)) await removeParts(key)
          if (isIn('tus', key)) await removeGathered(key)
        } catch (cause) {
          kept.push({ key, cause })
        }
      }
      return kept
    },

    async [Symbol.asyncDispose]() {},
  }
}

const partType = 'application/octet-stream'
const partKey = (key: string, index: number) => `${key}-${index + 1}`

/** Keys are made by this service; a name that is anything else must not become a path. */
function pathOf(root: string, key: string): string {
  if (!/^[a-z0-9-]+(\/[a-z0-9-]+)*$/.test(key)) throw new Error('not an object key')
  return path.join(root, key)
}

function inSeconds(ttlSeconds: number): number {
  return Math.ceil(Date.now() / 1_000) + ttlSeconds
}

async function absentAsUndefined<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw cause
  }
}

async function sync(file: string): Promise<void> {
  await using handle = await open(file)
  await handle.sync()
}

/** Uploads that a crash cut off. Nothing takes as long as a day to arrive. */
async function removeAbandoned(directory: string, log: Logger): Promise<void> {
  for (const name of await readdir(directory)) {
    const file = path.join(directory, name)
    const found = await absentAsUndefined(stat(file))
    if (!found || found.mtimeMs > Date.now() - abandonedAfterMs) continue
    await rm(file, { force: true })
    log.warn({ name }, 'removed an upload that a crash cut off')
  }
}
