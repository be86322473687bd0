import { access } from 'node:fs/promises'
import path from 'node:path'
import type { Ffmpeg } from '../ffmpeg/ffmpeg.ts'
import { inputOf, withoutTags } from '../ffmpeg/input.ts'
import { probe, type Probed } from '../ffmpeg/probe.ts'
import { derivePoster } from './derive-image.ts'
import { type Derived, noFacts, type Refused, refused, type Source } from './derived.ts'
import { posterForms } from './form-plans.ts'
import type { ImageProcesses } from './image-processes.ts'
import { maxDurationMs, maxFilmPixels } from './limits.ts'

/**
 * A film in its container written anew, codecs untouched: without tags, so without the place it was taken at, and
 * with its index at the front, so that it plays while it loads; and pictures of a frame near its beginning.
 * Undefined when the file holds no moving picture.
 */
export async function deriveFilm(
  tools: { ffmpeg: Ffmpeg; images: ImageProcesses },
  source: Source,
): Promise<Derived | Refused | undefined> {
  const { ffmpeg, images } = tools
  const { directory } = source
  const found = await probe(ffmpeg, source)
  if (!found.video) return undefined
  const container = source.contentType === 'video/webm' ? webm : mp4
  if (!container.video.includes(found.video.codec)) return refused('unsupported_codec')
  if (found.video.width * found.video.height > maxFilmPixels) return refused('too_many_pixels')
  if ((found.durationMs ?? 0) > maxDurationMs) return refused('too_long')

  const shown = { file: path.join(directory, 'shown'), contentType: container.contentType }
  // A capital V: covers do not count, as they do not for `probe`.
  const tracks = ['-map', '0:V:0', '-map', '0:a:0?']
  const input = [...inputOf(source.file, source.contentType), ...tracks, ...withoutTags]
  // Apple plays HEVC in MP4 under this name alone.
  const video = ['-c:v', 'copy', ...(found.video.codec === 'hevc' ? ['-tag:v', 'hvc1'] : [])]
  const audio = container.audio.includes(found.audio?.codec ?? '') ? ['-c:a', 'copy'] : container.otherAudio
  await ffmpeg.ffmpeg({ directory, args: [...input, ...video, ...audio, ...container.output, shown.file] })
  // What was written is asked again: times in the file that came may be anything.
  const written = await probe(ffmpeg, { ...shown, directory })
  if (!written.video || !written.durationMs) return refused('unreadable')
  if (written.durationMs > maxDurationMs) return refused('too_long')
  const frame = await takeFrame(
    ffmpeg,
    { ...shown, directory },
    { ...written.video, durationMs: written.durationMs },
  )
  if (!frame) return refused('unreadable')
  const { forms, thumbhash } = await derivePoster(images, { file: frame, directory, forms: posterForms })
  return { ok: true, shown, forms, facts: { ...noFacts, ...factsOf(written), thumbhash } }
}

/** Chrome, Safari, Android and iOS play these; what else the containers may hold is refused. */
const mp4 = {
  contentType: 'video/mp4',
  video: ['h264', 'hevc', 'av1', 'vp9'],
  audio: ['aac', 'mp3', 'opus', 'alac'],
  otherAudio: ['-c:a', 'aac', '-b:a', '96k', '-ac', '2'],
  output: ['-movflags', '+faststart', '-f', 'mp4'],
}
const webm = {
  contentType: 'video/webm',
  video: ['vp8', 'vp9', 'av1'],
  audio: ['opus', 'vorbis'],
  otherAudio: ['-c:a', 'libopus', '-b:a', '96k', '-ac', '2'],
  output: ['-f', 'webm'],
}

function factsOf({ durationMs, video, audio }: Probed) {
  return {
    durationMs: durationMs ?? null,
    width: video?.width ?? null,
    height: video?.height ?? null,
    videoCodec: video?.codec ?? null,
    audioCodec: audio?.codec ?? null,
  }
}

/** No poster is larger. */
const posterSide = Math.max(...posterForms.map(({ side }) => side))

/** A frame a second in, or a tenth of the way of a shorter film, where a fade from black has ended. */
async function takeFrame(
  { ffmpeg }: Ffmpeg,
  { file, contentType, directory }: Source,
  { width, height, durationMs }: { width: number; height: number; durationMs: number },
): Promise<string | undefined> {
  const frame = path.join(directory, 'frame.png')
  const factor = Math.min(1, posterSide / Math.max(width, height))
  const [across, down] = [width, height].map((side) => Math.max(1, Math.round(side * factor)))
  const asSeen = `scale=${across}:${down},setsar=1`
  // A film may hold no frame there; it has a first one.
  for (const atMs of [Math.min(1_000, durationMs / 10), 0]) {
    const seek = ['-ss', (atMs / 1_000).toFixed(3), '-threads', '1']
    const output = ['-frames:v', '1', '-vf', asSeen, '-c:v', 'png', '-f', 'image2', frame]
    await ffmpeg({ directory, args: [...seek, ...inputOf(file, contentType), '-an', ...output] })
    const made = await access(frame).then(
      () => true,
      () => false,
    )
    if (made) return frame
  }
  return undefined
}
