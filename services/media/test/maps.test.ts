import { type MapFault, startStaticMapSimulator } from '@parley/testing/static-map-simulator'
import { sql } from 'kysely'
import sharp from 'sharp'
import { describe, expect } from 'vitest'
import { loadConfig } from '../src/config.ts'
import { fetchMap } from '../src/maps/provider.ts'
import { startMedia } from '../src/service.ts'
import { createClient } from './client.ts'
import { test as base } from './fixture.ts'
import { halves } from './images.ts'

const test = base
  .extend('provider', async ({}, { onCleanup }) => {
    const picture = await halves(600, 300)
      .withExif({ IFD0: { ImageDescription: 'secret' } })
      .png()
      .toBuffer()
    const provider = await startStaticMapSimulator(picture)
    onCleanup(() => provider[Symbol.asyncDispose]())
    return provider
  })
  .extend('maps', async ({ config, provider, issuer }, { onCleanup }) => {
    const service = await startMedia({
      ...config,
      mapUrlTemplate: provider.template,
      sweep: { everyMs: 50, requeueAfterMs: 60_000 },
    })
    onCleanup(() => service[Symbol.asyncDispose]())
    await sql`truncate map_picture`.execute(service.ctx.db)
    const publicUrl = config.storage.driver === 'fs' ? config.storage.publicUrl : ''
    const token = await issuer.sign({ userId: 'ann' })
    const ann = createClient({ url: service.url, publicUrl, token, userId: 'ann', sessionId: '' })
    return { ...service, ann }
  })

const berlin = '/v1/media/maps?latitude=52.52000123&longitude=13.405'

describe('a map of a place', () => {
  test('A5.6 is drawn once by the provider, with the operator’s key, and kept for everybody', async ({
    maps: { ann, ctx },
    provider,
  }) => {
    const first = await ann.ask('GET', berlin)
    expect(first.status).toBe(302)
    const answer = await fetch(ann.reach(first.headers.get('location') ?? ''))
    expect(answer.headers.get('content-type')).toBe('image/webp')
    const shown = await sharp(Buffer.from(await answer.arrayBuffer())).metadata()
    expect(shown).toMatchObject({ width: 600, height: 300 })
    expect(shown.exif).toBeUndefined()
    // Some metres away, and later.
    expect((await ann.ask('GET', '/v1/media/maps?latitude=52.52&longitude=13.40502')).status).toBe(302)
    expect(provider.asked.map(({ search }) => new URLSearchParams(search).get('center'))).toEqual([
      '52.52,13.405',
    ])

    const { rows } = await sql<{ objectKey: string }>`select object_key from map_picture`.execute(ctx.db)
    await sql`update map_picture set expires_at = now()`.execute(ctx.db)
    const left = async () => (await sql`select 1 from map_picture`.execute(ctx.db)).rows.length
    await expect.poll(left).toBe(0)
    await sql`update doomed_object set due_at = now()`.execute(ctx.db)
    await expect.poll(() => ctx.storage.peek(rows[0]?.objectKey ?? '', 1)).toBeUndefined()
  })

  test('is drawn once for many who ask at once', async ({ maps: { ann }, provider }) => {
    const answers = await Promise.all(Array.from({ length: 8 }, () => ann.ask('GET', berlin)))
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([302]))
    expect(provider.asked).toHaveLength(1)
  })

  test('drawn by two instances at once is kept once, and the other picture is removed', async ({
    maps: { ann, ctx },
    config,
    provider,
  }) => {
    await using other = await startMedia({ ...config, mapUrlTemplate: provider.template })
    const beside = createClient({ ...ann, url: other.url, publicUrl: '' })
    const waiting = async () => {
      // The sweep of old maps waits too.
      const { rows } = await sql`
        select 1 from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock' and query not like 'delete%'`.execute(
        ctx.db,
      )
      return rows.length
    }
    const doomed = async () => {
      const { rows } = await sql`select 1 from doomed_object where key like 'form/%'`.execute(ctx.db)
      return rows.length
    }
    const before = await doomed()
    const answers = await ctx.db.transaction().execute(async (trx) => {
      // Both have drawn it before either has stored it.
      await sql`lock table map_picture in share mode`.execute(trx)
      const asked = [ann.ask('GET', berlin), beside.ask('GET', berlin)]
      await expect.poll(waiting).toBe(2)
      return { asked: Promise.all(asked) }
    })
    expect((await answers.asked).map(({ status }) => status)).toEqual([302, 302])
    expect(provider.asked).toHaveLength(2)
    expect((await doomed()) - before).toBe(1)
  })

  test.for<MapFault>(['down', 'a page', 'too much', 'elsewhere', 'broken off'])(
    'is absent while the provider is %s, without its key in the answer, and the provider is left alone for a while',
    async (fault, { maps: { ann }, provider }) => {
      provider.fault = fault
      const refused = await ann.ask('GET', berlin)
      expect(refused.status).toBe(503)
      expect(refused.body.error).toMatchObject({ code: 'unavailable', retryable: true })
      expect(JSON.stringify(refused.body)).not.toContain('key')
      // Nothing but the one address that is configured was asked.
      expect(provider.asked.map(({ pathname }) => pathname)).toEqual(['/static'])
      provider.fault = undefined
      expect((await ann.ask('GET', berlin)).status).toBe(503)
      expect(provider.asked).toHaveLength(1)
    },
  )

  test.for([
    'latitude=91&longitude=0',
    'latitude=1&longitude=181',
    'latitude=1',
    'latitude=1&longitude=2&zoom=99',
    'latitude=1&longitude=2&url=http://localhost/',
    'latitude=1%26key=x&longitude=2',
  ])('%j is refused and asks nobody', async (query, { maps: { ann }, provider }) => {
    const { status, body } = await ann.ask('GET', `/v1/media/maps?${query}`)
    expect({ status, code: body.error?.code }).toEqual({ status: 400, code: 'invalid_request' })
    expect(provider.asked).toHaveLength(0)
  })

  test('a user asks for so many new ones at a time', async ({ maps: { ann } }) => {
    const statuses = new Set<number>()
    for (let i = 0; i < 40; i++) {
      statuses.add((await ann.ask('GET', `/v1/media/maps?latitude=${i}&longitude=${i}`)).status)
    }
    expect(statuses).toEqual(new Set([302, 429]))
  })

  test('is nowhere where there is no provider, and for nobody without a token', async ({
    signIn,
    service,
  }) => {
    const ann = await signIn()
    expect((await ann.ask('GET', berlin)).status).toBe(404)
    expect((await fetch(`${service.url}${berlin}`)).status).toBe(401)
  })
})

test('a provider that says nothing is given up, and its address is in no error', async ({ provider }) => {
  provider.fault = 'silent'
  const failed = await fetchMap(provider.template, { latitude: 1, longitude: 2, zoom: 3 }).catch(
    (err: unknown) => err,
  )
  expect(failed).toMatchObject({ code: 'unavailable', cause: { message: 'TimeoutError' } })
})

test.for([
  'https://{latitude}.example/{longitude}',
  'file:///{latitude}{longitude}',
  'https://maps.example/',
])('the template %j is refused at the start', (template) => {
  expect(() => loadConfig({ MAP_URL_TEMPLATE: template })).toThrow('MAP_URL_TEMPLATE')
})
