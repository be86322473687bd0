import { randomUUID } from 'node:crypto'
import { startTraceCollector } from '@parley/testing/trace-collector'
import { expect, vi } from 'vitest'
import { startMedia } from '../src/service.ts'
import { createClient } from './client.ts'
import { test } from './fixture.ts'
import { plainPng } from './images.ts'

test('an upload is one trace from its completion to its being processed, and routes are named without their values', async ({
  config,
  issuer,
}) => {
  await using collector = await startTraceCollector()
  const tracing = { endpoint: collector.url, headers: {}, ratio: 1 }
  await using service = await startMedia({ ...config, tracing })
  const publicUrl = config.storage.driver === 'fs' ? config.storage.publicUrl : service.url
  const [userId, sessionId] = [`user-${randomUUID()}`, randomUUID()]
  const token = await issuer.sign({ userId, sessionId })
  const ann = createClient({ url: service.url, publicUrl, token, userId, sessionId })
  const { ticket } = await ann.upload('image/png', await plainPng(), 'a name nobody else sees.png')
  const { mediaId } = await ann.settled(ticket.mediaId)

  const named = (name: string) => collector.spans.find((span) => span.name === name)
  await vi.waitUntil(() => named('media-process'))
  const completion = named('POST /v1/media/uploads/:mediaId/complete')
  expect(completion).toMatchObject({
    service: 'parley-media',
    attributes: { 'http.request.method': 'POST', 'http.response.status_code': 200 },
  })
  expect(named('media-process')).toMatchObject({
    traceId: completion?.traceId,
    parentSpanId: completion?.spanId,
    attributes: { 'parley.job.attempt': 1 },
  })
  const exported = collector.bodies.join('')
  for (const secret of [token, mediaId, 'nobody else', ticket.upload.url.split('?')[1] ?? ''])
    expect(exported).not.toContain(secret)
})
