import { randomUUID } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { copyFile, link, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Logger } from '@parley/shared/log'
import type { FsConfig } from '../config.ts'
import { signLink } from './link.ts'
import type { Storage } from './storage.ts'

/** Paths of the routes that stand where an object store's own endpoint would; `fs-routes.ts` answers them. */
export const fsPaths = { upload: '/v1/media/incoming', download: '/v1/media/content' } as const

export interface FsStorage extends Storage {
  linkSecret: string
  /** Stores what is read from the stream, all or nothing. */
  write(key: string, bytes: Readable, signal: AbortSignal): Promise<void>
  sizeOf(key: string): Promise<number | undefined>
  read(key: string, part?: { start: number; end: number }): Readable
}

const abandonedAfterMs = 24 * 3_600_000

/** Objects as files below one directory, for one machine. Links are signed here and lead back to this service. */
export async function openFsStorage(
  { path: root, linkSecret, publicUrl }: Omit<FsConfig, 'driver'>,
  log: Logger,
): Promise<FsStorage> {
  const temporary = path.join(root, '.tmp')
  await mkdir(temporary, { recursive: true })
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

  return {
    linkSecret,
    sizeOf,

    async uploadLink(key, { contentType, sizeBytes, ttlSeconds }) {
      const expires = inSeconds(ttlSeconds)
      return {
        method: 'PUT',
        url: linkTo(fsPaths.upload, { method: 'PUT', key, contentType, sizeBytes, expires }),
        headers: { 'content-type': contentType },
      }
    },

    async downloadLink(key, { contentType, disposition, ttlSeconds }) {
      const expires = inSeconds(ttlSeconds)
      return linkTo(fsPaths.download, { method: 'GET', key, contentType, disposition, expires })
    },

    async peek(key, bytes) {
      await using file = await absentAsUndefined(open(pathOf(root, key)))
      if (!file) return undefined
      const { size: sizeBytes } = await file.stat()
      const { bytesRead, buffer } = await file.read(Buffer.alloc(Math.min(bytes, sizeBytes)), 0)
      return { sizeBytes, start: buffer.subarray(0, bytesRead) }
    },

    async copy(from, to) {
      const source = pathOf(root, from)
      if (!(await absentAsUndefined(stat(source)))) return false
      // A file is never written in place here, so a second name for it is a copy that costs nothing.
      await publish(to, (file) => link(source, file).catch(() => copyFile(source, file)))
      return true
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
      for (const key of keys) await rm(pathOf(root, key), { force: true })
    },

    async [Symbol.asyncDispose]() {},
  }
}

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
