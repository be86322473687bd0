import { readFile } from 'node:fs/promises'
import { createServer, request as ask } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { PutBucketCorsCommand, S3Client } from '@aws-sdk/client-s3'
import { startBrowser } from '@parley/testing/browser'
import { findFreePort } from '@parley/testing/free-port'
import { describe, expect, vi } from 'vitest'
import type { S3Config } from '../src/config.ts'
import { startMedia } from '../src/service.ts'
import { createClient, type Ticket } from './client.ts'
import { blocksOf } from './docs-page.ts'
import { phonePhoto } from './images.ts'
import { onS3 } from './storage/drivers.ts'

const tusBundle = createRequire(import.meta.url).resolve('tus-js-client/dist/tus.min.js')

/** What a page of an app has before it comes to the lines of docs/media.md. */
const page = `<!doctype html><input type="file"><img id="picture">
  <script src="/tus.js"></script>
  <script type="importmap">{ "imports": { "tus-js-client": "/tus-module.js" } }</script>
  <script>var input = document.querySelector('input'), image = document.querySelector('img')</script>`

const test = onS3
  .extend('browser', { scope: 'file' }, async ({}, { onCleanup }) => {
    const browser = await startBrowser()
    onCleanup(() => browser.close())
    return browser
  })
  .extend('photo', { scope: 'file' }, () => phonePhoto(640, 480))
  /** Where the page is, on an origin of its own, or with a service behind it as behind an ingress. */
  .extend('servePage', async ({}, { onCleanup }) => {
    const files: Record<string, [string, string]> = {
      '/': ['text/html', page],
      '/tus.js': ['text/javascript', await readFile(tusBundle, 'utf8')],
      '/tus-module.js': ['text/javascript', 'export const Upload = globalThis.tus.Upload'],
    }
    return async (servicePort?: number) => {
      const server = createServer((request, response) => {
        const { method, url: path = '', headers } = request
        const [type, text] = files[path] ?? []
        if (type !== undefined) return void response.writeHead(200, { 'content-type': type }).end(text)
        if (servicePort === undefined) return void response.writeHead(404).end()
        const passed = ask({ host: '127.0.0.1', port: servicePort, method, path, headers }, (answer) => {
          answer.pipe(response.writeHead(answer.statusCode ?? 502, answer.headers))
        })
        request.pipe(passed)
      }).listen(0, '127.0.0.1')
      await new Promise((resolve) => server.once('listening', resolve))
      onCleanup(() => void server.close())
      return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    }
  })
  .extend('start', ({ config, s3, issuer, browser, servePage, photo }, { onCleanup }) => {
    const owned = new AsyncDisposableStack()
    onCleanup(() => owned.disposeAsync())
    /** A page in a browser whose user may upload, and what is asked of the service beside it. */
    return async (driver: 'fs' | 's3', from: 'own' | 'other') => {
      const port = await findFreePort()
      const origin = await servePage(from === 'own' ? port : undefined)
      const url = from === 'own' ? origin : `http://127.0.0.1:${port}`
      if (config.storage.driver !== 'fs') throw new Error('the fixture stores files')
      if (driver === 's3') await allowBrowsers(s3)
      const http = { ...config.http, host: '127.0.0.1', port, allowedOrigins: [origin] }
      const storage = driver === 's3' ? s3 : { ...config.storage, publicUrl: url }
      owned.use(await startMedia({ ...config, http, storage }))
      const userId = `ann-${driver}-${from}`
      const token = await issuer.sign({ userId })
      const ann = createClient({ url, publicUrl: url, token, userId, sessionId: '' })

      const context = await browser.newContext()
      owned.defer(() => context.close())
      const tab = await context.newPage()
      const said: string[] = []
      tab.on('console', (message) => said.push(message.text()))
      tab.on('pageerror', (error) => said.push(`error: ${error.message}`))
      await tab.goto(origin)
      await tab.locator('input').setInputFiles({ name: 'beach.jpg', mimeType: 'image/jpeg', buffer: photo })

      /** Runs lines as a module of the page, and gives what they say with `console.log`. */
      const run = async (lines: string, given: object = {}) => {
        said.length = 0
        await tab.evaluate((values) => Object.assign(globalThis, values), { token, ...given })
        await tab.addScriptTag({ type: 'module', content: `${lines}\nconsole.log('done')` })
        await vi.waitUntil(() => said.some((line) => line === 'done' || /error/i.test(line)))
        return said
      }
      return { ann, tab, run, said, url }
    }
  })

/** The rule that docs/media.md asks operators for. */
async function allowBrowsers(s3: S3Config): Promise<void> {
  const { endpoint, region, bucket: Bucket, accessKeyId, secretAccessKey } = s3
  const client = new S3Client({
    endpoint,
    region,
    forcePathStyle: true,
    credentials: { accessKeyId, secretAccessKey },
    requestChecksumCalculation: 'WHEN_REQUIRED',
  })
  const rule = {
    AllowedOrigins: ['*'],
    AllowedMethods: ['PUT', 'POST', 'GET'],
    AllowedHeaders: ['content-type'],
  }
  await client.send(new PutBucketCorsCommand({ Bucket, CORSConfiguration: { CORSRules: [rule] } }))
  client.destroy()
}

/** The block of the page's JavaScript that holds this text. */
async function block(text: string): Promise<string> {
  const [found, ...more] = (await blocksOf('js')).filter((lines) => lines.includes(text))
  if (found === undefined || more.length > 0) throw new Error(`not one block with ${text}`)
  return found
}

const ways = [
  { driver: 'fs', from: 'own' },
  { driver: 'fs', from: 'other' },
  { driver: 's3', from: 'own' },
  { driver: 's3', from: 'other' },
] as const

describe.for(ways)('the lines of docs/media.md for browsers, $driver, page of its $from origin', (way) => {
  test('do what they say in chromium, typed as written', async ({ start, photo }) => {
    const { ann, tab, run, said, url } = await start(way.driver, way.from)
    // Of another origin, an app says where the service is; nothing else changes.
    const there = (lines: string) =>
      way.from === 'own' ? lines : lines.replaceAll(/(['`])(\/v1\/media\/)/g, `$1${url}$2`)
    const ready = async (mediaId: string) =>
      expect(await ann.settled(mediaId)).toMatchObject({ status: 'ready', width: 480, height: 640 })
    const mediaIdIn = (lines: string[]) => {
      const [mediaId] = lines.filter((line) => line.startsWith('mediaId ')).map((line) => line.slice(8))
      if (mediaId === undefined) throw new Error(lines.join('\n'))
      return mediaId
    }

    const put = await run(`${there(await block('// upload'))}\nconsole.log('mediaId', mediaId)`)
    const mediaId = mediaIdIn(put)
    await ready(mediaId)

    expect(await run(there(await block('// show')), { mediaId })).toEqual(['done'])
    const shown = () => tab.evaluate<number>('document.querySelector("img").naturalHeight')
    await expect.poll(shown).toBe(300)

    const form = await run(`${there(await block("form.append('file', input.files[0])\nconst reply"))}
      console.log('mediaId', media.mediaId)`)
    await ready(mediaIdIn(form))

    await run(there(await block('tus-js-client')))
    await vi.waitUntil(() => said.some((line) => line.startsWith('mediaId ')))
    await ready(mediaIdIn(said))

    const begin = async (more: object) => {
      const wanted = { fileName: 'beach.jpg', contentType: 'image/jpeg', sizeBytes: photo.length, ...more }
      const { body } = await ann.ask<Ticket>('POST', '/v1/media/uploads', wanted)
      return body
    }
    const parts = await begin({ way: 'parts' })
    const inParts = `const [file] = input.files\n${await block('upload.parts.map')}`
    expect(await run(inParts, { ticket: parts })).toEqual(['done'])
    await ann.complete(parts.mediaId)
    await ready(parts.mediaId)

    if (way.driver === 'fs') return
    const posted = await begin({ way: 'form' })
    expect(await run(await block('ticket.upload.fields'), { ticket: posted })).toEqual(['done'])
    await ann.complete(posted.mediaId)
    await ready(posted.mediaId)
  })
})

test('a page of an origin that the operator did not name can neither upload nor read', async ({ start }) => {
  const { run, url, tab } = await start('fs', 'other')
  await tab.goto(`http://localhost:${new URL(tab.url()).port}/`)
  await tab
    .locator('input')
    .setInputFiles({ name: 'a.jpg', mimeType: 'image/jpeg', buffer: Buffer.from('no picture') })
  const said = await run((await block('// upload')).replaceAll(/(['`])(\/v1\/media\/)/g, `$1${url}$2`))
  expect(said.join('\n')).toMatch(/CORS policy/)
})
