import { randomBytes } from 'node:crypto'
import { describe, expect } from 'vitest'
import { behindTag } from '../src/content-type/sniff.ts'
import { amrNote, ffprobe, rareNote, voiceNote, withTag } from './films.ts'
import { test } from './fixture.ts'

describe('voice', () => {
  test.for([
    { from: 'ogg', type: 'audio/ogg', shown: 'audio/ogg', codec: 'opus', plays: 'audio/mp4' },
    { from: 'webm', type: 'audio/webm', shown: 'audio/webm', codec: 'opus', plays: 'audio/mp4' },
    { from: 'm4a', type: 'audio/mp4', shown: 'audio/mp4', codec: 'aac', plays: 'audio/mp4' },
    { from: 'mp3', type: 'audio/mpeg', shown: 'audio/mpeg', codec: 'mp3', plays: 'audio/mpeg' },
    { from: 'wav', type: 'audio/wav', shown: 'audio/mp4', codec: 'aac', plays: 'audio/mp4' },
    { from: 'aac', type: 'audio/aac', shown: 'audio/mp4', codec: 'aac', plays: 'audio/mp4' },
  ] as const)(
    'A5.4 a note in $from has its length, its waveform and a form that plays everywhere',
    async ({ from, type, shown, codec, plays }, { signIn }) => {
      const ann = await signIn()
      const media = await ann.ready(type, await voiceNote(from), `note.${from}`)
      expect(media).toMatchObject({ status: 'ready', contentType: shown, codecs: { audio: codec } })
      expect(media.durationMs).toBeGreaterThan(950)
      expect(media.durationMs).toBeLessThan(1_200)
      const waveform = media.waveform ?? []
      expect(waveform.length).toBe(64)
      expect(Math.max(...waveform.slice(0, 26))).toBeLessThan(3)
      expect(Math.min(...waveform.slice(36, 52))).toBeGreaterThan(20)

      const original = await ann.download(media.mediaId)
      expect(original.bytes.length).toBe(media.sizeBytes)
      expect(original.bytes.includes('a secret')).toBe(false)
      const playable = await ann.download(media.mediaId, '/playable')
      expect(playable.response.headers.get('content-type')).toBe(plays)
      expect(await ffprobe(playable.bytes)).toContain(plays === 'audio/mp4' ? '"aac"' : '"mp3"')
    },
  )

  test.for([
    { what: 'ALAC in M4A', extension: 'm4a', written: 'alac', shown: 'alac' },
    { what: 'Opus in MP4', extension: 'mp4', written: 'libopus', shown: 'opus' },
    { what: 'PCM in QuickTime', extension: 'mov', written: 'pcm_s16be', shown: 'aac' },
  ] as const)(
    'A5.4 $what has a form that plays everywhere',
    async ({ extension, written, shown }, { signIn }) => {
      const ann = await signIn()
      const media = await ann.ready('application/octet-stream', await rareNote(extension, written))
      expect(media).toMatchObject({ status: 'ready', contentType: 'audio/mp4', codecs: { audio: shown } })
      const playable = await ann.download(media.mediaId, '/playable')
      expect(await ffprobe(playable.bytes)).toContain('"codec_name": "aac"')
    },
  )

  test('A5.4 a note in AMR becomes M4A', async ({ signIn }) => {
    const ann = await signIn()
    const media = await ann.ready('audio/amr', amrNote(), 'old.amr')
    expect(media).toMatchObject({ status: 'ready', contentType: 'audio/mp4', fileName: 'old.m4a' })
    expect(media.durationMs).toBeGreaterThan(1_950)
    expect(media.durationMs).toBeLessThan(2_200)
  })

  test('a container of films that holds sound alone is a sound', async ({ signIn }) => {
    const ann = await signIn()
    const media = await ann.ready('application/octet-stream', await voiceNote('webm'), 'note.webm')
    expect(media).toMatchObject({ status: 'ready', contentType: 'audio/webm' })
    expect(media.durationMs).toBeGreaterThan(950)
  })

  test.for([10, 100_000])('a tag of %i bytes is not what makes a sound', async (coverBytes, { signIn }) => {
    const ann = await signIn()
    const tagged = await voiceNote('mp3')
    const mp3 = withTag(tagged.subarray(behindTag(tagged)), coverBytes)
    const song = await ann.ready('application/octet-stream', mp3, 'song.mp3')
    expect(song).toMatchObject({ status: 'ready', contentType: 'audio/mpeg', codecs: { audio: 'mp3' } })

    const flac = withTag(await voiceNote('flac'), coverBytes)
    const { body } = await ann.upload('application/octet-stream', flac, 'song.flac')
    expect(body).toMatchObject({ status: 'ready', contentType: 'application/octet-stream' })
    expect((await ann.download(body.mediaId)).bytes.equals(flac)).toBe(true)
  })

  test('P8 an encrypted file that begins as a sound by chance stays the file it is', async ({ signIn }) => {
    const ann = await signIn()
    const bytes = randomBytes(10_000)
    for (const start of [
      [0xff, 0xfb, 0x90, 0x64],
      [0xff, 0xf1, 0x50, 0x80],
    ]) {
      bytes.set(start)
      const { body } = await ann.upload('application/octet-stream', bytes, 'sealed')
      expect(body).toMatchObject({ status: 'ready', contentType: 'application/octet-stream' })
      expect((await ann.download(body.mediaId)).bytes.equals(bytes)).toBe(true)
    }
  })
})
