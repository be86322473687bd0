import { isSound, unknownType } from './accepted.ts'

/** How much of a file `sniffType` looks at. */
export const sniffedBytes = 4_096

/**
 * The type a file's first bytes show, out of a short list; everything else, so also every kind of text, is
 * `application/octet-stream`. What begins with a bare frame is a sound where one was declared.
 */
export function sniffType(start: Buffer, declared = unknownType): string {
  const known = isSound(declared) ? [...signatures, ...frames] : signatures
  return known.find(({ matches }) => matches(start))?.type ?? isoMedia(start) ?? unknownType
}

/**
 * Where a file goes on behind the ID3 tag that its first bytes begin (ID3v2.4, 3.1); undefined where they begin none.
 * A tag is of any length, and music of other formats has one too, so it says nothing of what follows.
 */
export function behindTag(start: Buffer): number | undefined {
  if (start.length < 10 || text(start, 0, 3) !== 'ID3') return undefined
  const [version, flags, size] = [start.readUInt8(3), start.readUInt8(5), start.subarray(6, 10)]
  if (version < 2 || version > 4 || (flags & 0b1111) !== 0 || size.some((byte) => byte > 0x7f))
    return undefined
  const footer = (flags & 0b1_0000) === 0 ? 0 : 10
  return 10 + size.reduce((sum, byte) => sum * 128 + byte, 0) + footer
}

/** The type of what has a tag. Frames may begin later than right behind it, but nobody guesses where no sound was declared. */
export function sniffTagged(behind: Buffer, declared: string): string {
  const found = frames.find(({ matches }) => matches(behind))?.type
  return found ?? (isSound(declared) ? 'audio/mpeg' : unknownType)
}

const text = (start: Buffer, from: number, to: number) => start.toString('latin1', from, to)
const begins = (bytes: number[]) => (start: Buffer) => bytes.every((byte, i) => start[i] === byte)

interface Signature {
  type: string
  matches: (start: Buffer) => boolean
}

const signatures: Signature[] = [
  { type: 'image/jpeg', matches: begins([0xff, 0xd8, 0xff]) },
  { type: 'image/png', matches: begins([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]) },
  { type: 'image/gif', matches: (start) => /^GIF8[79]a$/.test(text(start, 0, 6)) },
  {
    type: 'image/webp',
    matches: (start) => text(start, 0, 4) === 'RIFF' && /^WEBPVP8[ LX]$/.test(text(start, 8, 16)),
  },
  // Matroska begins with the same four bytes; the document type tells them apart.
  {
    type: 'video/webm',
    matches: (start) =>
      begins([0x1a, 0x45, 0xdf, 0xa3])(start) && /\x42\x82[\x84\x40].?webm/s.test(text(start, 4, 64)),
  },
  {
    type: 'audio/ogg',
    matches: (start) =>
      text(start, 0, 4) === 'OggS' && oggCodecs.some((codec) => text(start, 28, 36).startsWith(codec)),
  },
  // RFC 4867, 5: single-channel files, narrow and wide band.
  { type: 'audio/amr', matches: (start) => /^#!AMR(-WB)?\n/.test(text(start, 0, 9)) },
  { type: 'audio/wav', matches: (start) => text(start, 0, 4) === 'RIFF' && text(start, 8, 12) === 'WAVE' },
  { type: 'application/pdf', matches: (start) => text(start, 0, 5) === '%PDF-' },
]

/** Sounds that begin with a frame, without a word of what they are. So does one encrypted file in some ten thousand. */
const frames: Signature[] = [
  { type: 'audio/mpeg', matches: isMp3Frame },
  { type: 'audio/aac', matches: isAdtsFrame },
]

/** How the first packet of a sound begins (RFC 7845, 5.1 for Opus). A film begins otherwise. */
const oggCodecs = ['OpusHead', '\u0001vorbis', '\u007fFLAC', 'Speex   ']

/** A frame header of MPEG-1, 2 or 2.5, layer III, with a bit rate and a sample rate that exist (ISO 11172-3, 2.4.2.3). */
function isMp3Frame(start: Buffer): boolean {
  if (start.length < 4) return false
  const [first, second, third] = [start.readUInt8(0), start.readUInt8(1), start.readUInt8(2)]
  const version = (second >> 3) & 0b11
  const layer = (second >> 1) & 0b11
  const bitRate = third >> 4
  const sampleRate = (third >> 2) & 0b11
  const inSync = first === 0xff && second >= 0xe0
  return inSync && version !== 1 && layer === 1 && bitRate !== 0 && bitRate !== 15 && sampleRate !== 3
}

/** A frame header of ADTS (ISO 13818-7, 6.2): layer 0 and a sample rate that exists. */
function isAdtsFrame(start: Buffer): boolean {
  if (start.length < 7) return false
  const [first, second, third] = [start.readUInt8(0), start.readUInt8(1), start.readUInt8(2)]
  return first === 0xff && (second & 0b1111_0110) === 0b1111_0000 && ((third >> 2) & 0b1111) < 13
}

/**
 * By the major brand of the first box (ISO 14496-12, 4.3). HEIC is among those not known here, and so is AVIF that moves
 * (`avis`): libvips does not take it for a picture.
 */
function isoMedia(start: Buffer): string | undefined {
  if (text(start, 4, 8) !== 'ftyp') return undefined
  const brand = text(start, 8, 12)
  if (brand === 'avif') return 'image/avif'
  if (/^M4[AB] $/.test(brand)) return 'audio/mp4'
  if (brand === 'qt  ') return 'video/quicktime'
  return /^(isom|iso[2-9]|mp4[12v]|avc1|dash|MSNV|M4V |f4v |cmf[cs2])$/.test(brand) ? 'video/mp4' : undefined
}
