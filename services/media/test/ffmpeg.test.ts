import { mkdtempDisposable, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, test } from 'vitest'
import { createFfmpeg } from '../src/ffmpeg/ffmpeg.ts'
import { probe } from '../src/ffmpeg/probe.ts'
import { NoAnswer } from '../src/processing/no-answer.ts'
import { phoneFilm } from './films.ts'

const ffmpeg = createFfmpeg({
  ffmpegPath: 'ffmpeg',
  ffprobePath: 'ffprobe',
  timeLimitMs: 20_000,
  memoryLimitBytes: 1024 ** 3,
})

test('a film that asks for more memory than there is counts as one that has filled it, and is not tried for ever', async () => {
  await using directory = await mkdtempDisposable(path.join(tmpdir(), 'parley-ffmpeg-'))
  const film = await phoneFilm()
  // How many chunks there are (ISO 14496-12, 8.7.5): two gigabytes of their places.
  film.writeUInt32BE(2 ** 28 + 1, film.indexOf('stco') + 8)
  const file = path.join(directory.path, 'film')
  await writeFile(file, film)
  const asked = { file, contentType: 'video/mp4', directory: directory.path }
  await expect(probe(ffmpeg, asked)).rejects.toThrow(NoAnswer)
})
