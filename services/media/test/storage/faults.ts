import { randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { type StoreFault, storeFaults } from '@parley/testing/s3-fault-proxy'
import sharp from 'sharp'
import { Upload } from 'tus-js-client'
import { expect } from 'vitest'
import type { onS3 } from './drivers.ts'

/** Large enough to come in several pieces, and different everywhere. */
const noise = (width: number, height: number) =>
  sharp(randomBytes(width * height * 3), { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer()

/** What the worker stores; a completion copies, with a header that says from where. */
const isStoring = ({ method, headers }: IncomingMessage) => method === 'PUT' && !headers['x-amz-copy-source']

/** What S3 does to an upload may delay it, and may not spoil it. */
export function testStoreFaults(test: typeof onS3): void {
  test.for<StoreFault>([...storeFaults])(
    'P8 a completion while the store is %s fails with a code and is done once it is not, or is done at once',
    async (kind, { proxy, throughProxy }) => {
      const { ann } = await throughProxy()
      const bytes = randomBytes(200_000)
      const { body: ticket } = await ann.begin('application/octet-stream', bytes.length)
      expect((await ann.put(ticket, bytes)).status).toBe(200)
      proxy.fault = { kind }
      const answer = await ann.complete(ticket.mediaId)
      if (kind === 'slow') expect(answer.body.status).toBe('ready')
      else
        expect({ status: answer.status, code: answer.body.error?.code }).toEqual({
          status: 503,
          code: 'unavailable',
        })
      proxy.fault = undefined
      expect((await ann.complete(ticket.mediaId)).body.status).toBe('ready')
      expect((await ann.download(ticket.mediaId)).bytes.equals(bytes)).toBe(true)
    },
  )

  test.for<{ kind: StoreFault; what: string; when: (request: IncomingMessage) => boolean }>([
    { kind: '503', what: 'storing', when: isStoring },
    { kind: 'reset', what: 'storing', when: isStoring },
    { kind: 'cut', what: 'fetching', when: ({ method, headers }) => method === 'GET' && !headers['range'] },
  ])(
    'a picture whose $what fails with $kind for a while stays in processing, and is ready and whole in the end',
    async ({ kind, when }, { proxy, throughProxy }) => {
      const { ann } = await throughProxy()
      const { body: ticket } = await ann.begin('image/png', (await picture).length)
      await ann.put(ticket, await picture)
      proxy.fault = { kind, when, times: 7 }
      expect((await ann.complete(ticket.mediaId)).body.status).toBe('processing')
      expect(await ann.settled(ticket.mediaId)).toMatchObject({ status: 'ready', width: 600, height: 400 })
      expect(proxy.befell).toBeGreaterThanOrEqual(kind === 'cut' ? 1 : 3)
      proxy.fault = undefined
      for (const part of ['', '/thumbnail'] as const) {
        const { bytes } = await ann.download(ticket.mediaId, part)
        expect((await sharp(bytes, { failOn: 'error' }).stats()).channels).toHaveLength(3)
      }
    },
  )

  test.for<StoreFault>(['reset', 'down', '503'])(
    'bytes that were put to a link while it was %s are not there by halves, and can be put again',
    async (kind, { proxy, throughProxy }) => {
      const { ann } = await throughProxy('too')
      const bytes = randomBytes(3_000_000)
      const { body: ticket } = await ann.begin('application/octet-stream', bytes.length)
      proxy.fault = { kind, when: ({ method }) => method === 'PUT', times: 1 }
      const sent = await ann.put(ticket, bytes).then(
        ({ status }) => status,
        () => 'broken off' as const,
      )
      expect(sent).toBe(kind === '503' ? 503 : 'broken off')
      expect((await ann.complete(ticket.mediaId)).status).toBe(409)
      expect((await ann.put(ticket, bytes)).status).toBe(200)
      expect((await ann.complete(ticket.mediaId)).body.status).toBe('ready')
    },
  )

  test.for<StoreFault>(['reset', 'down', '503', 'cut'])(
    'an upload by tus goes on where it stood after the store was %s, and is whole',
    async (kind, { proxy, throughProxy }) => {
      const { service, ann } = await throughProxy()
      // Three parts of the store.
      const bytes = randomBytes(6_500_000)
      const asked: string[] = []
      const { url } = await new Promise<Upload>((resolve, reject) => {
        const sending = new Upload(bytes, {
          endpoint: `${service.url}/v1/media/tus`,
          headers: { authorization: `Bearer ${ann.token}` },
          metadata: { filename: 'noise', filetype: 'application/octet-stream' },
          chunkSize: 1_500_000,
          retryDelays: [50, 100, 200, 400, 800, 1_600],
          onChunkComplete(_size, accepted) {
            // In the middle of the upload: more often than the SDK tries again by itself.
            if (accepted === 1_500_000) proxy.fault = { kind, times: 7 }
          },
          onBeforeRequest: (request) => void asked.push(request.getMethod()),
          onSuccess: () => resolve(sending),
          onError: reject,
        })
        sending.start()
      })
      expect(proxy.befell).toBeGreaterThanOrEqual(7)
      // The one that was begun: the client was not sent back to its first byte.
      expect(asked.filter((method) => method === 'POST')).toHaveLength(1)
      proxy.fault = undefined
      const mediaId = url?.split('/').at(-1) ?? ''
      expect((await ann.look(mediaId)).body.status).toBe('ready')
      expect((await ann.download(mediaId)).bytes.equals(bytes)).toBe(true)
    },
  )
}

const picture = noise(600, 400)
