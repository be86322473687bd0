import { assert, property, uint8Array, constantFrom } from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decideType, isAccepted, normalType, unknownType } from './accepted.ts'
import { behindTag, sniffedBytes, sniffTagged, sniffType } from './sniff.ts'

const isoMedia = (brand: string) => `\0\0\0\x20ftyp${brand}\0\0\0\0isom`
const ogg = (codec: string) => `OggS${'\0'.repeat(24)}${codec}`
const webm = (type: string) => `\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\xf7\x81\x01\x42\x82\x84${type}`

describe('the type of a content', () => {
  test.for([
    ['\xff\xd8\xff\xe0\0\x10JFIF', 'image/jpeg'],
    ['\x89PNG\r\n\x1a\n', 'image/png'],
    ['GIF89a', 'image/gif'],
    ['RIFF\0\0\0\0WEBPVP8X', 'image/webp'],
    [isoMedia('avif'), 'image/avif'],
    [isoMedia('isom'), 'video/mp4'],
    [isoMedia('mp42'), 'video/mp4'],
    [isoMedia('M4A '), 'audio/mp4'],
    [webm('webm'), 'video/webm'],
    [ogg('OpusHead'), 'audio/ogg'],
    [ogg('\x01vorbis'), 'audio/ogg'],
    ['#!AMR\n', 'audio/amr'],
    ['#!AMR-WB\n', 'audio/amr'],
    ['RIFF\0\0\0\0WAVEfmt ', 'audio/wav'],
    [isoMedia('qt  '), 'video/quicktime'],
    ['%PDF-1.7', 'application/pdf'],
  ] as const)('%j is %s', ([start, type]) => {
    expect(sniffType(Buffer.from(start, 'latin1'))).toBe(type)
  })

  test.for([
    ['\xff\xfb\x90\x64', 'audio/mpeg'],
    ['\xff\xf1\x50\x80\0\0\0', 'audio/aac'],
  ] as const)(
    '%j is %s where a sound was declared; an encrypted file begins so by chance',
    ([start, type]) => {
      const bytes = Buffer.from(start, 'latin1')
      expect(sniffType(bytes, type)).toBe(type)
      expect(sniffType(bytes, 'audio/ogg')).toBe(type)
      expect(sniffType(bytes, unknownType)).toBe(unknownType)
      expect(sniffType(bytes, 'video/mp4')).toBe(unknownType)
    },
  )

  test.for([
    ['nothing', ''],
    ['text', 'hello'],
    ['HTML', '<!doctype html><script>alert(1)</script>'],
    ['SVG', '<svg xmlns="http://www.w3.org/2000/svg"><script/></svg>'],
    ['a JPEG after a byte', ' \xff\xd8\xff\xe0'],
    ['TIFF', 'II*\0'],
    ['HEIC', isoMedia('heic')],
    ['an AVIF that moves', isoMedia('avis')],
    ['Matroska', webm('matroska')],
    ['a film in Ogg', ogg('\x80theora')],
    ['a byte order mark', '\xff\xfe<\0h\0'],
    ['a zip file', 'PK\x03\x04'],
    ['a text about tags', 'ID3 tags and what is in them'],
  ] as const)('%s is only bytes', ([, start]) => {
    expect(sniffType(Buffer.from(start, 'latin1'))).toBe('application/octet-stream')
  })
})

describe('an ID3 tag', () => {
  test.for([
    ['of no bytes', 'ID3\x03\0\0\0\0\0\0', 10],
    ['with a cover', 'ID3\x03\0\0\0\x02\x01\x7f', 10 + 2 * 16_384 + 128 + 127],
    ['with a footer', 'ID3\x04\0\x10\0\0\0\x05', 25],
    ['of a version to come', 'ID3\x05\0\0\0\0\0\x05', undefined],
    ['whose length is none', 'ID3\x03\0\0\0\0\0\x80', undefined],
    ['cut off', 'ID3\x03\0\0', undefined],
    ['that is a text', 'ID3 tags and what is in them', undefined],
  ] as const)('%s ends where its header says', ([, start, end]) => {
    expect(behindTag(Buffer.from(start, 'latin1'))).toBe(end)
  })

  test.for([
    ['\xff\xfb\x90\x64', 'audio/mpeg', unknownType],
    ['\xff\xf1\x50\x80\0\0\0', 'audio/aac', unknownType],
    ['fLaC', unknownType, unknownType],
    ['', unknownType, 'text/plain'],
    // ffmpeg finds the first frame further on.
    ['\0\0\0\0\xff\xfb\x90\x64', 'audio/mpeg', 'audio/mpeg'],
  ] as const)('before %j makes it %s where %s was declared', ([behind, type, declared]) => {
    expect(sniffTagged(Buffer.from(behind, 'latin1'), declared)).toBe(type)
  })
})

describe('a declared type', () => {
  test.for([
    ['image/jpeg', 'image/jpeg', 'image/jpeg'],
    ['audio/mp4', 'video/mp4', 'audio/mp4'],
    ['audio/webm', 'video/webm', 'audio/webm'],
    ['application/octet-stream', 'image/png', 'image/png'],
    ['text/html', 'application/octet-stream', 'application/octet-stream'],
    ['image/png', 'image/jpeg', undefined],
    ['image/png', 'application/octet-stream', undefined],
    ['video/mp4', 'audio/mp4', undefined],
    ['video/webm', 'audio/ogg', undefined],
  ] as const)('%s with content of %s makes it %s', ([declared, found, type]) => {
    expect(decideType(declared, found)).toBe(type)
  })

  test.for([
    ['IMAGE/JPG', 'image/jpeg'],
    ['audio/webm;codecs=opus', 'audio/webm'],
    ['audio/x-m4a', 'audio/mp4'],
    ['text/plain; charset=utf-8', 'text/plain'],
  ] as const)('%s is %s in its usual spelling', ([declared, usual]) => {
    expect(normalType(declared)).toBe(usual)
  })
})

test('P10 whatever bytes a file begins with, it has a type of the list or none, and no declaration makes it another', () => {
  const beginnings = [
    '\xff\xd8\xff',
    'RIFF',
    '\x1a\x45\xdf\xa3\x42\x82',
    '\0\0\0\x20ftyp',
    'OggS',
    '<svg',
    '\xff\xf1',
    '',
  ]
  const bytes = uint8Array({ maxLength: sniffedBytes })
  const anything = property(constantFrom(...beginnings), bytes, (beginning, rest) => {
    for (const declared of ['image/png', 'audio/mpeg', 'text/html', 'image/svg+xml']) {
      const found = sniffType(Buffer.concat([Buffer.from(beginning, 'latin1'), rest]), declared)
      expect(found === unknownType || found === 'application/pdf' || isAccepted(found)).toBe(true)
      expect([found, undefined]).toContain(decideType(declared, found))
    }
  })
  assert(anything, { numRuns: 500 })
})
