import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, rmdir } from 'node:fs/promises'
import { Agent, type IncomingMessage, request } from 'node:http'
import { connect } from 'node:net'
import path from 'node:path'
import type { MediaId } from '@parley/shared/ids'
import { queuePrefix } from '@parley/shared/jobs'
import { createLogger } from '@parley/shared/log'
import { mediaProcessing } from '@parley/shared/queues'
import { openRedis } from '@parley/shared/redis'
import { startPrivateRedis } from '@parley/testing/redis'
import { Queue } from 'bullmq'
import { sql } from 'kysely'
import { describe, expect } from 'vitest'
import type { Config } from '../src/config.ts'
import { beginRun, findMedia, releaseRun, takeBackRun } from '../src/media/store.ts'
import { startMedia } from '../src/service.ts'
import { uploadDeadlineMs } from '../src/storage/fs.ts'
import { newKey } from '../src/storage/storage.ts'
import { createClient } from './client.ts'
import { test as base } from './fixture.ts'
import { plainPng } from './images.ts'

const log = createLogger('media', { level: 'silent' })

/** A service of one test's own, with what it changes in the configuration. */
const test = base.extend('run', ({ config, issuer }) => {
  return async (changes: Partial<Config> = {}) => {
    const service = await startMedia({ ...config, sweep: { everyMs: 100, requeueAfterMs: 300 }, ...changes })
    const [userId, sessionId] = [`user-${randomUUID()}`, randomUUID()]
    const token = await issuer.sign({ userId, sessionId })
    const publicUrl = config.storage.driver === 'fs' ? config.storage.publicUrl : ''
    return { ...service, ann: createClient({ url: service.url, publicUrl, token, userId, sessionId }) }
  }
})

describe('P1: what Redis forgets', () => {
  test('an image whose job was wiped before anybody took it becomes ready', async ({ run, config }) => {
    await using service = await run()
    const { ann } = service
    const redis = openRedis(config.redis, log)
    const queue = new Queue(mediaProcessing.queue, {
      connection: redis,
      prefix: queuePrefix(mediaProcessing.queue),
    })
    await queue.pause()
    const { body } = await ann.upload('image/png', await plainPng())
    expect(body.status).toBe('processing')
    await redis.flushall()
    expect(await ann.settled(body.mediaId)).toMatchObject({ status: 'ready' })
    await queue.close()
    redis.disconnect()
  })

  test('an upload is completed while Redis is away, and the service still stops', async ({ run }) => {
    const redis = await startPrivateRedis()
    const service = await run({ redis: { url: redis.url } })
    await redis[Symbol.asyncDispose]()
    const { body, status } = await service.ann.upload('image/png', await plainPng())
    expect(status).toBe(200)
    expect(body.status).toBe('processing')
    await service[Symbol.asyncDispose]()

    await using next = await run()
    const media = () => findMedia(next.ctx.db, body.mediaId as MediaId)
    await expect.poll(async () => (await media())?.status).toBe('ready')
  })
})

describe('a file that nothing can be made of', () => {
  test('fails alone: it is given up after some tries, and the service goes on', async ({ run, config }) => {
    await using service = await run({ processing: { ...config.processing, timeLimitMs: 1 } })
    const { ann } = service
    const { body } = await ann.upload('image/png', await plainPng())
    expect(await ann.settled(body.mediaId)).toMatchObject({ status: 'failed', failure: 'unprocessable' })
    expect((await ann.upload('text/plain', Buffer.from('hello'))).body.status).toBe('ready')
  })
})

describe('one file in many jobs', () => {
  test('is read by one process at a time, and never held against the file', async ({ run }) => {
    await using service = await run()
    const { ann, ctx } = service
    const { body } = await ann.upload('image/png', await plainPng(4_000, 3_000))
    const mediaId = body.mediaId as MediaId
    await ctx.enqueue(Array.from({ length: 20 }, (_, i) => ({ mediaId, id: `${mediaId}-more-${i}` })))
    expect(await ann.settled(mediaId)).toMatchObject({ status: 'ready' })
    expect(await findMedia(ctx.db, mediaId)).toMatchObject({ unansweredRuns: 0, runUntil: null })
  })

  test('is read again when whoever had it in hand is gone', async ({ run }) => {
    await using service = await run()
    const { ann, ctx } = service
    const { body } = await ann.upload('text/plain', Buffer.from('not yet'))
    const mediaId = body.mediaId as MediaId
    const image = await ann.ready('image/png', await plainPng())
    // As a worker leaves it that was killed: in hand for some moments yet, and nothing in the queue.
    await sql`
      update media set status = 'processing', content_type = 'image/png', unanswered_runs = 1, check_at = now(),
        run_until = now() + interval '1 second',
        object_key = (select object_key from media where id = ${image.mediaId})
      where id = ${mediaId}`.execute(ctx.db)
    expect(await ann.settled(mediaId)).toMatchObject({ status: 'ready', width: 40 })
  })

  test('is not taken out of the hands of a later run by one that outlasted its lease', async ({ run }) => {
    await using service = await run()
    const { ann, ctx } = service
    const { body } = await ann.upload('text/plain', Buffer.from('not yet'))
    const id = body.mediaId as MediaId
    await sql`update media set status = 'processing', check_at = now() + interval '1 hour' where id = ${id}`.execute(
      ctx.db,
    )
    const late = await beginRun(ctx.db, { id, leaseMs: 0 })
    const later = await beginRun(ctx.db, { id, leaseMs: 60_000 })
    if (!late || !later) throw new Error('it is in hand already')
    await releaseRun(ctx.db, late)
    await takeBackRun(ctx.db, late)
    expect(await findMedia(ctx.db, id)).toMatchObject({ unansweredRuns: 2, runUntil: later.runUntil })
    expect(await beginRun(ctx.db, { id, leaseMs: 60_000 })).toBeUndefined()
    await takeBackRun(ctx.db, later)
    expect(await findMedia(ctx.db, id)).toMatchObject({ unansweredRuns: 1, runUntil: null })
  })
})

describe('the sweep', () => {
  test('goes on beside an object that cannot be removed, and comes back to it later', async ({ run }) => {
    await using service = await run()
    const { ann, ctx } = service
    const stuck = newKey('media')
    const { storage } = ctx.config
    // A directory stands where the object would, and is not removed as one.
    const directory = path.join(storage.driver === 'fs' ? storage.path : '', stuck)
    await mkdir(directory, { recursive: true })
    await sql`insert into doomed_object (key, due_at) values (${stuck}, now() - interval '1 day')`.execute(
      ctx.db,
    )
    const { mediaId } = (await ann.begin('text/plain', 5)).body
    const incoming = (await findMedia(ctx.db, mediaId as MediaId))?.incomingKey ?? ''
    await sql`update doomed_object set due_at = now() where key = ${incoming}`.execute(ctx.db)
    const doomed = async () =>
      (
        await sql<{
          key: string
        }>`select key from doomed_object where key in (${stuck}, ${incoming})`.execute(ctx.db)
      ).rows
    await expect.poll(doomed).toEqual([{ key: stuck }])
    await rmdir(directory)
    await sql`update doomed_object set due_at = now() where key = ${stuck}`.execute(ctx.db)
    await expect.poll(doomed).toEqual([])
  })

  test('removes tickets that were not used, and their bytes', async ({ run }) => {
    await using service = await run()
    const { ann, ctx } = service
    const { body: ticket } = await ann.begin('text/plain', 5)
    await ann.put(ticket, 'hello')
    const media = await findMedia(ctx.db, ticket.mediaId as MediaId)
    const incoming = media?.incomingKey ?? ''
    expect(await ctx.storage.peek(incoming, 1)).toBeDefined()
    await sql`update media set expires_at = now() - interval '1 day' where id = ${ticket.mediaId}`.execute(
      ctx.db,
    )
    await sql`update doomed_object set due_at = now() where key = ${incoming}`.execute(ctx.db)
    await expect.poll(() => findMedia(ctx.db, ticket.mediaId as MediaId)).toBeUndefined()
    await expect.poll(() => ctx.storage.peek(incoming, 1)).toBeUndefined()
    expect((await ann.complete(ticket.mediaId)).status).toBe(404)
  })

  test('removes bytes that arrive as late as an upload may last, when their ticket is long gone', async ({
    run,
    config,
  }) => {
    await using service = await run()
    const { ann, ctx } = service
    const { body: ticket } = await ann.begin('text/plain', 10)
    const mediaId = ticket.mediaId as MediaId
    const incoming = (await findMedia(ctx.db, mediaId))?.incomingKey ?? ''
    const upload = request(ann.reach(ticket.upload.url), {
      method: 'PUT',
      headers: { ...ticket.upload.headers, 'content-length': 10, expect: '100-continue' },
    })
    upload.flushHeaders()
    await once(upload, 'continue')

    // As if the link had ended just after this upload began, and the upload went on to its deadline.
    await pass(config.uploads.ttlSeconds * 1_000 + uploadDeadlineMs)
    await expect.poll(() => findMedia(ctx.db, mediaId)).toBeUndefined()
    await sql`insert into doomed_object (key, due_at) values ('form/2026-01/due', now())`.execute(ctx.db)
    const due = () => sql`select 1 from doomed_object where due_at <= now()`.execute(ctx.db)
    await expect.poll(async () => (await due()).rows).toEqual([])
    upload.end('0123456789')
    const [answer] = (await once(upload, 'response')) as [IncomingMessage]
    expect(answer.resume().statusCode).toBe(200)
    expect(await ctx.storage.peek(incoming, 1)).toBeDefined()
    await pass(uploadDeadlineMs)
    await expect.poll(() => ctx.storage.peek(incoming, 1)).toBeUndefined()

    async function pass(ms: number): Promise<void> {
      const ago = sql`${ms} * interval '1 ms'`
      await sql`update doomed_object set due_at = due_at - ${ago} where key = ${incoming}`.execute(ctx.db)
      await sql`update media set expires_at = expires_at - ${ago} where id = ${mediaId}`.execute(ctx.db)
    }
  })

  test('removes an image as it came, which may say where it was taken, once it is made fit to show', async ({
    run,
  }) => {
    await using service = await run()
    const { ann, ctx } = service
    const { body } = await ann.upload('image/png', await plainPng())
    const original = (await findMedia(ctx.db, body.mediaId as MediaId))?.objectKey ?? ''
    await ann.settled(body.mediaId)
    await expect.poll(() => ctx.storage.peek(original, 1)).toBeUndefined()
    expect((await ann.download(body.mediaId)).response.status).toBe(200)
    expect((await ann.download(body.mediaId, '/thumbnail')).response.status).toBe(200)
  })

  test('leaves no object behind that nothing refers to', async ({ run }) => {
    await using service = await run()
    const { ann, ctx } = service
    await ann.ready('image/png', await plainPng())
    await sql`update doomed_object set due_at = now()`.execute(ctx.db)
    const left = async () => (await sql`select 1 from doomed_object`.execute(ctx.db)).rows.length
    await expect.poll(left).toBe(0)
  })

  test('never takes what a completion is about to refer to: the completion gives way', async ({ run }) => {
    await using service = await run()
    const { ann, ctx } = service
    const { body: ticket } = await ann.begin('text/plain', 5)
    await ann.put(ticket, 'hello')
    // As if the completion had stood still until the copy was due.
    await sql`
      create function stand_still() returns trigger language plpgsql as $$
      begin update doomed_object set due_at = now(); return new; end $$`.execute(ctx.db)
    await sql`create trigger late before update on media for each row execute function stand_still()`.execute(
      ctx.db,
    )
    const late = await ann.complete(ticket.mediaId)
    await sql`drop trigger late on media`.execute(ctx.db)
    await sql`drop function stand_still`.execute(ctx.db)
    expect(late.status).toBe(503)
    expect(late.body.error).toMatchObject({ code: 'unavailable', retryable: true })
    expect((await ann.complete(ticket.mediaId)).body.status).toBe('ready')
  })
})

describe('a node that goes away', () => {
  test('says that it is not ready, and answers until others have heard of it', async ({ run, config }) => {
    const service = await run({ http: { ...config.http, drainWaitMs: 1_000 } })
    const ready = () => fetch(`${service.internalUrl}/readyz`)
    expect((await ready()).status).toBe(200)
    const gone = service[Symbol.asyncDispose]()
    await expect.poll(async () => (await ready()).status).toBe(503)
    expect((await service.ann.begin('text/plain', 5)).status).toBe(201)
    await gone
    await expect(fetch(service.url)).rejects.toThrow('fetch failed')
  })

  test('waits for the requests in hand, and for no connection that asks nothing', async ({ run }) => {
    const service = await run()
    const { ann } = service
    const port = Number(new URL(service.url).port)
    const silent = connect(port, '127.0.0.1').resume()
    await once(silent, 'connect')
    const { body: ticket } = await ann.begin('text/plain', 10)
    const upload = request(ann.reach(ticket.upload.url), {
      method: 'PUT',
      agent: new Agent({ keepAlive: true }),
      headers: { ...ticket.upload.headers, 'content-length': 10, expect: '100-continue' },
    })
    upload.flushHeaders()
    await once(upload, 'continue')

    const began = performance.now()
    const gone = service[Symbol.asyncDispose]()
    await once(silent, 'close')
    upload.end('0123456789')
    const [answer] = (await once(upload, 'response')) as [IncomingMessage]
    expect(answer.statusCode).toBe(200)
    answer.resume()
    await gone
    expect(performance.now() - began).toBeLessThan(5_000)
  })
})
