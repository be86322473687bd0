import { createLogger } from '@parley/shared/log'
import type { MediaObject } from '@parley/shared/media'
import { roomChannel } from '@parley/shared/realtime'
import { openRedis } from '@parley/shared/redis'
import sharp from 'sharp'
import { describe, expect, vi } from 'vitest'
import { startMedia } from '../src/service.ts'
import { createClient } from './client.ts'
import {
  ffprobe,
  filmOfManySounds,
  filmWithMore,
  oldFilm,
  phoneFilm,
  playlist,
  webmFilm,
  wideFilm,
  withCover,
} from './films.ts'
import { test } from './fixture.ts'
import { animation, halves, plainPng } from './images.ts'

describe('pictures', () => {
  test.for([
    ['image/avif,image/webp,*/*', 'image/avif'],
    ['image/webp,image/apng,*/*;q=0.8', 'image/webp'],
    ['image/avif;q=0,image/webp', 'image/webp'],
    ['image/jpeg', 'image/jpeg'],
    ['*/*', 'image/webp'],
  ] as const)('a thumbnail for whoever accepts %s is %s', async ([accept, type], { signIn }) => {
    const ann = await signIn()
    const media = await ann.ready('image/jpeg', await halves(800, 600).jpeg().toBuffer(), 'sea.jpg')
    const { response, bytes } = await ann.download(media.mediaId, '/thumbnail', { accept })
    expect(response.headers.get('content-type')).toBe(type)
    const { width, height } = await sharp(bytes).metadata()
    expect({ width, height }).toEqual({ width: 300, height: 225 })
    expect(media.thumbnail).toEqual({ width: 300, height: 225 })
  })

  test('a large picture has a preview of 1,280 pixels, a smaller one is its own', async ({ signIn }) => {
    const ann = await signIn()
    const large = await ann.ready('image/jpeg', await halves(2_000, 1_000).jpeg().toBuffer())
    expect(large.preview).toEqual({ width: 1_280, height: 640 })
    const preview = await ann.download(large.mediaId, '/preview', { accept: 'image/jpeg' })
    expect(await sharp(preview.bytes).metadata()).toMatchObject({ format: 'jpeg', width: 1_280, height: 640 })

    const small = await ann.ready('image/png', await plainPng(40, 30))
    expect(small.preview).toBeUndefined()
    const own = await ann.download(small.mediaId, '/preview')
    expect(await sharp(own.bytes).metadata()).toMatchObject({ format: 'png', width: 40, height: 30 })
  })

  test('a JPEG of what is seen through shows white, not black', async ({ signIn }) => {
    const ann = await signIn()
    const clear = sharp({ create: { width: 400, height: 400, channels: 4, background: '#00000000' } })
    const media = await ann.ready('image/png', await clear.png().toBuffer())
    const { bytes } = await ann.download(media.mediaId, '/thumbnail', { accept: 'image/jpeg' })
    const { channels } = await sharp(bytes).stats()
    expect(channels.map(({ min }) => min)).toEqual([255, 255, 255])
  })

  test.for(['gif', 'webp'] as const)('that an animated %s moves is told', async (format, { signIn }) => {
    const ann = await signIn()
    expect((await ann.ready(`image/${format}`, await animation(format, 3))).animated).toBe(true)
  })
})

describe('films', () => {
  test.for(['mp4', 'mov'] as const)(
    'a phone’s %s plays while it loads, upright, without what was said of it, and has a poster',
    async (extension, { signIn }) => {
      const ann = await signIn()
      const film = await phoneFilm(extension)
      expect(film.indexOf('moov')).toBeGreaterThan(film.indexOf('mdat'))
      expect(film.includes('a secret')).toBe(true)
      const type = extension === 'mp4' ? 'video/mp4' : 'video/quicktime'
      const media = await ann.ready(type, film, `beach.${extension}`)
      expect(media).toMatchObject({
        status: 'ready',
        contentType: 'video/mp4',
        fileName: 'beach.mp4',
        width: 180,
        height: 320,
        thumbnail: { width: 169, height: 300 },
        preview: { width: 180, height: 320 },
        codecs: { video: 'h264', audio: 'aac' },
      })
      expect(media.durationMs).toBeGreaterThan(1_900)
      expect(media.durationMs).toBeLessThan(2_200)
      expect(media.thumbhash).toBeDefined()

      const { response, bytes } = await ann.download(media.mediaId)
      expect(response.headers.get('content-type')).toBe('video/mp4')
      expect(bytes.length).toBe(media.sizeBytes)
      expect(bytes.indexOf('moov')).toBeLessThan(bytes.indexOf('mdat'))
      for (const secret of ['a secret', 'the place']) {
        expect(bytes.includes(secret)).toBe(false)
        expect(await ffprobe(bytes)).not.toContain(secret)
      }
      const poster = await ann.download(media.mediaId, '/thumbnail')
      expect((await sharp(poster.bytes).stats()).isOpaque).toBe(true)
      expect(await sharp(poster.bytes).metadata()).toMatchObject({ format: 'webp', width: 169, height: 300 })
    },
  )

  test('A5.5 a WebM stays one and is answered by range', async ({ signIn }) => {
    const ann = await signIn()
    const media = await ann.ready('video/webm', await webmFilm())
    expect(media).toMatchObject({ status: 'ready', contentType: 'video/webm', width: 320, height: 180 })
    const { response, bytes } = await ann.download(media.mediaId, '', { range: 'bytes=0-3' })
    expect(response.status).toBe(206)
    expect([...bytes]).toEqual([0x1a, 0x45, 0xdf, 0xa3])
  })

  test('a cover in front of a film is not taken for it', async ({ signIn }) => {
    const ann = await signIn()
    const film = await ann.ready('video/mp4', await withCover('film'))
    expect(film).toMatchObject({ status: 'ready', width: 320, height: 180, codecs: { video: 'h264' } })
    const poster = await ann.download(film.mediaId, '/thumbnail')
    const { dominant } = await sharp(poster.bytes).stats()
    expect(dominant.b).toBeGreaterThan(dominant.r)

    const song = await ann.ready('application/octet-stream', await withCover('song'))
    expect(song).toMatchObject({ status: 'ready', contentType: 'audio/mp4', codecs: { audio: 'aac' } })
    expect(song.codecs?.video).toBeUndefined()
  })

  test('what lies beside a film, and is left out, may be of any codec', async ({ signIn }) => {
    const ann = await signIn()
    const film = await ann.ready('video/mp4', await filmWithMore())
    expect(film).toMatchObject({ status: 'ready', codecs: { video: 'h264', audio: 'aac' } })
    const { bytes } = await ann.download(film.mediaId)
    expect(bytes.includes('the place')).toBe(false)
  })

  test('a film of pixels that are not square has a poster of the form it is seen in', async ({ signIn }) => {
    const ann = await signIn()
    expect(await ann.ready('video/mp4', await wideFilm())).toMatchObject({
      width: 320,
      height: 180,
      preview: { width: 320, height: 180 },
      thumbnail: { width: 300, height: 169 },
    })
  })

  test.for([
    { what: 'of 65 tracks', bytes: filmOfManySounds, failure: 'unreadable' },
    { what: 'of a codec that browsers do not play', bytes: oldFilm, failure: 'unsupported_codec' },
    { what: 'that is a playlist', bytes: async () => playlist(), failure: 'unreadable' },
    {
      what: 'cut off before its index',
      bytes: async () => {
        const film = await phoneFilm()
        return film.subarray(0, film.length / 2)
      },
      failure: 'unreadable',
    },
  ])('a film $what fails with $failure', async ({ bytes, failure }, { signIn }) => {
    const ann = await signIn()
    const media = await ann.ready('video/mp4', await bytes())
    expect(media).toMatchObject({ status: 'failed', failure })
    expect((await ann.ask('GET', `/v1/media/${media.mediaId}`)).status).toBe(409)
  })

  test('are refused where ffmpeg is not installed, and plain files and pictures are not', async ({
    config,
    issuer,
  }) => {
    const ffmpeg = { ...config.ffmpeg, ffmpegPath: '/nowhere/ffmpeg' }
    await using service = await startMedia({ ...config, ffmpeg })
    const token = await issuer.sign({ userId: 'ann' })
    const publicUrl = config.storage.driver === 'fs' ? config.storage.publicUrl : ''
    const ann = createClient({ url: service.url, publicUrl, token, userId: 'ann', sessionId: '' })
    for (const type of ['video/mp4', 'audio/ogg']) {
      const refused = await ann.begin(type, 10)
      expect(refused.status).toBe(415)
      expect(refused.body.error).toMatchObject({ code: 'unsupported_media' })
      expect(refused.body.error?.message).toContain('ffmpeg is not installed')
    }
    expect(await ann.ready('image/png', await plainPng())).toMatchObject({ status: 'ready' })
    const film = await ann.upload('application/octet-stream', await webmFilm(), 'sea.webm')
    expect(film.body).toMatchObject({ status: 'ready', contentType: 'application/octet-stream' })
  })
})

describe('the owner', () => {
  test('hears of each stage, and of the end, on the own devices', async ({ signIn, config }) => {
    const log = createLogger('media', { level: 'silent' })
    const redis = openRedis(config.redis, log)
    const ann = await signIn()
    const heard: MediaObject[] = []
    await redis.ssubscribe(roomChannel(`u:${ann.userId}`))
    redis.on('smessage', (_channel: string, text: string) => {
      const [event, media] = JSON.parse(text.slice(2)) as [string, MediaObject]
      expect(event).toBe('media:changed')
      heard.push(media)
    })
    const image = await ann.ready('image/png', await plainPng())
    await vi.waitUntil(() => heard.at(-1)?.status === 'ready')
    expect(heard.map(({ stage, status }) => stage ?? status)).toEqual(['deriving', 'storing', 'ready'])
    expect(heard.at(-1)).toEqual(image)

    heard.length = 0
    const poison = await ann.ready('video/mp4', playlist())
    await vi.waitUntil(() => heard.at(-1)?.status === 'failed')
    expect(heard.at(-1)).toEqual(poison)
    expect(poison.failure).toBe('unreadable')
    redis.disconnect()
  })
})
