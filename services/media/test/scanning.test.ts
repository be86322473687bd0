import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { startClamd, takenForMalware } from '@parley/testing/clamd'
import { findFreePort } from '@parley/testing/free-port'
import { describe, expect } from 'vitest'
import { scanFile } from '../src/scanning/clamav.ts'
import { startMedia } from '../src/service.ts'
import { createClient } from './client.ts'
import { test as base } from './fixture.ts'
import { plainPng } from './images.ts'

const test = base
  .extend('clamd', { scope: 'file' }, async ({}, { onCleanup }) => {
    const clamd = await startClamd()
    onCleanup(() => clamd[Symbol.asyncDispose]())
    return clamd
  })
  .extend('fileOf', async ({}, { onCleanup }) => {
    const directory = await mkdtemp(path.join(tmpdir(), 'parley-scan-'))
    onCleanup(() => rm(directory, { recursive: true, force: true }))
    return async (bytes: Buffer | string) => {
      const file = path.join(directory, 'file')
      await writeFile(file, bytes)
      return file
    }
  })
  /** A user of a service whose scanner is at this port. */
  .extend('scannedAt', async ({ config, issuer }, { onCleanup }) => {
    const owned = new AsyncDisposableStack()
    onCleanup(() => owned.disposeAsync())
    return async (port: number) => {
      const clamav = { host: '127.0.0.1', port, timeLimitMs: 1_000, maxBytes: 1024 ** 2 }
      const sweep = { everyMs: 100, requeueAfterMs: 300 }
      const { url } = owned.use(await startMedia({ ...config, sweep, clamav }))
      const token = await issuer.sign({ userId: 'bob' })
      const publicUrl = config.storage.driver === 'fs' ? config.storage.publicUrl : ''
      return createClient({ url, publicUrl, token, userId: 'bob', sessionId: '' })
    }
  })

/** As clamd answers when a file is clean. */
function findNothing(socket: Socket): void {
  socket.on('error', () => {})
  socket.on('data', (bytes) => bytes.subarray(-4).equals(Buffer.alloc(4)) && socket.end('stream: OK\0'))
}

const timeLimitMs = 10_000

describe('clamd', () => {
  test('tells what is clean from what is infected', async ({ clamd, fileOf }) => {
    const scan = async (bytes: Buffer | string) => scanFile({ ...clamd, timeLimitMs }, await fileOf(bytes))
    expect(await scan('hello')).toBe('clean')
    expect(await scan(Buffer.alloc(900_000, 'x'))).toBe('clean')
    expect(await scan(Buffer.concat([Buffer.alloc(200_000), Buffer.from(takenForMalware)]))).toBe('infected')
  })

  test.for([
    { what: 'nonsense', reply: 'what?\0' },
    { what: 'an error', reply: 'stream: something went wrong ERROR\0' },
    { what: 'words without end', reply: 'x'.repeat(10_000) },
    { what: 'nothing', reply: '' },
    { what: 'a verdict without its end', reply: 'stream: OK' },
  ])('that answers with $what has given no verdict', async ({ reply }, { fileOf }) => {
    const server = createServer((socket: Socket) => {
      socket.on('error', () => {})
      socket.once('data', () => socket.end(reply))
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as { port: number }
    const asked = scanFile({ host: '127.0.0.1', port, timeLimitMs }, await fileOf('hello'))
    await expect(asked).rejects.toThrow(/clamd/)
    server.close()
  })

  test('that stays silent has given no verdict when its time is up', async ({ fileOf }) => {
    const sockets: Socket[] = []
    const server = createServer((socket) => sockets.push(socket.on('error', () => {}))).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as { port: number }
    const asked = scanFile({ host: '127.0.0.1', port, timeLimitMs: 300 }, await fileOf('hello'))
    await expect(asked).rejects.toThrow('no verdict')
    for (const socket of sockets) socket.destroy()
    server.close()
  })
})

describe('an upload', () => {
  test('A5.7 of any kind is given out only after the scanner has nothing against it', async ({
    clamd,
    config,
    issuer,
  }) => {
    await using service = await startMedia({
      ...config,
      clamav: { ...clamd, timeLimitMs, maxBytes: 1024 ** 2 },
    })
    const ann = await client(service.url)
    expect(await ann.ready('text/plain', Buffer.from('hello'))).toMatchObject({ status: 'ready' })
    expect(await ann.ready('image/png', await plainPng())).toMatchObject({ status: 'ready' })
    const tooMuch = await ann.begin('text/plain', 1024 ** 2 + 1)
    expect(tooMuch.body.error).toMatchObject({ code: 'too_large' })
    const infected = [
      await ann.ready('text/plain', Buffer.from(`a ${takenForMalware} b`)),
      await ann.ready('image/png', Buffer.concat([await plainPng(), Buffer.from(takenForMalware)])),
    ]
    for (const media of infected) {
      expect(media).toMatchObject({ status: 'failed', failure: 'malware' })
      expect((await ann.ask('GET', `/v1/media/${media.mediaId}`)).status).toBe(409)
    }

    async function client(url: string) {
      const token = await issuer.sign({ userId: 'ann' })
      const publicUrl = config.storage.driver === 'fs' ? config.storage.publicUrl : ''
      return createClient({ url, publicUrl, token, userId: 'ann', sessionId: '' })
    }
  })

  test('waits while the scanner is away, and is given out once it is back', async ({ scannedAt }) => {
    const port = await findFreePort()
    const bob = await scannedAt(port)
    const { body } = await bob.upload('text/plain', Buffer.from('hello'))
    await expect.poll(async () => (await bob.look(body.mediaId)).body.stage).toBe('scanning')
    expect((await bob.ask('GET', `/v1/media/${body.mediaId}`)).status).toBe(409)

    const server = createServer(findNothing).listen(port, '127.0.0.1')
    expect(await bob.settled(body.mediaId)).toMatchObject({ status: 'ready' })
    server.close()
  })

  test('is never given up for the scanner: it waits as long as that fails', async ({ scannedAt }) => {
    let asked = 0
    let starting = true
    const server = createServer((socket) => {
      asked += 1
      if (starting) socket.destroy()
      else findNothing(socket)
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as { port: number }
    const bob = await scannedAt(port)
    const { body } = await bob.upload('text/plain', Buffer.from('hello'))
    // More often than the queue tries one job, and than a file may end what reads it.
    await expect.poll(() => asked).toBeGreaterThan(5)
    expect((await bob.look(body.mediaId)).body).toMatchObject({ status: 'processing', stage: 'scanning' })
    starting = false
    expect(await bob.settled(body.mediaId)).toMatchObject({ status: 'ready' })
    server.close()
  })
})
