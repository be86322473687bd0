import path from 'node:path'
import type { Ffmpeg } from '../ffmpeg/ffmpeg.ts'
import { inputOf, withoutTags } from '../ffmpeg/input.ts'
import { probe } from '../ffmpeg/probe.ts'
import { type Derived, noFacts, type Refused, refused, type Source } from './derived.ts'
import { maxDurationMs } from './limits.ts'
import { createWaveform, waveformRate } from './waveform.ts'

/**
 * A sound without tags and covers, its length and its waveform as they are heard; and the same as AAC in M4A, which
 * plays everywhere, where it came as something that does not.
 */
export async function deriveSound(ffmpeg: Ffmpeg, source: Source): Promise<Derived | Refused> {
  const { directory } = source
  const found = await probe(ffmpeg, source)
  if (!found.audio) return refused('unreadable')
  if ((found.durationMs ?? 0) > maxDurationMs) return refused('too_long')

  const input = [...inputOf(source.file, source.contentType), '-map', '0:a:0', '-vn', ...withoutTags]
  const { codec } = found.audio
  const format = keptFormats[source.contentType]
  const kept = format?.codecs.includes(codec) ? format.output : undefined
  const shown = { file: path.join(directory, 'shown'), contentType: kept ? source.contentType : 'audio/mp4' }
  const aac = aacOf(found.audio.channels)
  await ffmpeg.ffmpeg({ directory, args: [...input, ...(kept ?? aac), shown.file] })

  const forms: Derived['forms'] = []
  if (kept && !playsEverywhere.has(codec)) {
    const file = path.join(directory, 'playable')
    await ffmpeg.ffmpeg({ directory, args: [...input, ...aac, file] })
    forms.push({ name: 'playable', contentType: 'audio/mp4', file })
  }

  const heard = await listen(ffmpeg, { ...shown, directory })
  if (heard.durationMs === 0) return refused('unreadable')
  if (heard.durationMs > maxDurationMs) return refused('too_long')
  const audioCodec = kept ? codec : 'aac'
  return { ok: true, shown, forms, facts: { ...noFacts, ...heard, audioCodec } }
}

/**
 * Formats that are kept with these codecs, untouched. AMR, bare AAC and WAV are not among them: no browser plays them
 * all. Nor does ffmpeg write into them whatever it reads out of them.
 */
const keptFormats: Partial<Record<string, { codecs: string[]; output: string[] }>> = {
  'audio/mp4': {
    codecs: ['aac', 'mp3', 'alac', 'opus'],
    output: ['-c:a', 'copy', '-movflags', '+faststart', '-f', 'mp4'],
  },
  'audio/mpeg': {
    codecs: ['mp3'],
    output: ['-c:a', 'copy', '-id3v2_version', '0', '-write_id3v1', '0', '-f', 'mp3'],
  },
  'audio/ogg': { codecs: ['opus', 'vorbis', 'flac', 'speex'], output: ['-c:a', 'copy', '-f', 'ogg'] },
  'audio/webm': { codecs: ['opus', 'vorbis'], output: ['-c:a', 'copy', '-f', 'webm'] },
}

const playsEverywhere = new Set(['aac', 'mp3'])

function aacOf(channels: number): string[] {
  const size = channels > 1 ? ['-ac', '2', '-b:a', '96k'] : ['-ac', '1', '-b:a', '48k']
  return ['-c:a', 'aac', ...size, '-movflags', '+faststart', '-f', 'mp4']
}

/** Hears a sound to its end. What its header says of its length may be anything. */
async function listen({ ffmpeg }: Ffmpeg, { file, contentType, directory }: Source) {
  const waveform = createWaveform()
  const output = [
    '-ac',
    '1',
    '-ar',
    String(waveformRate),
    '-t',
    String(maxDurationMs / 1_000 + 1),
    '-f',
    's16le',
  ]
  const args = ['-threads', '1', ...inputOf(file, contentType), ...output, 'pipe:1']
  await ffmpeg({ directory, args, onOutput: (bytes) => waveform.add(bytes) })
  return waveform.result()
}
