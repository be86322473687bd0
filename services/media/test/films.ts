import { execFile } from 'node:child_process'
import { mkdtempDisposable, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { needDebian } from '@parley/testing/debian-packages'

const run = promisify(execFile)
const missing = 'ffmpeg is needed; on Debian: apt-get install --no-install-recommends ffmpeg'

/** What ffmpeg makes of these arguments; `{}` among them is the file it writes. */
export async function record(extension: string, args: string[]): Promise<Buffer> {
  await needDebian({ binaries: ['ffmpeg', 'ffprobe'], packages: ['ffmpeg'], missing })
  await using directory = await mkdtempDisposable(path.join(tmpdir(), 'parley-record-'))
  const file = path.join(directory.path, `made.${extension}`)
  await run('ffmpeg', ['-v', 'error', '-y', ...args, file])
  return await readFile(file)
}

const picture = (seconds: number) => ['-f', 'lavfi', '-i', `testsrc=size=320x180:rate=25:duration=${seconds}`]
const tone = (seconds: number) => ['-f', 'lavfi', '-i', `sine=frequency=440:duration=${seconds}`]
const h264 = ['-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p']
const tags = ['-metadata', 'title=the place it was made at', '-metadata', 'comment=a secret']

/** As a phone makes one: its index at the end, lying on its side, with words about where it was made. */
export async function phoneFilm(extension: 'mp4' | 'mov' = 'mp4', seconds = 2): Promise<Buffer> {
  await using directory = await mkdtempDisposable(path.join(tmpdir(), 'parley-record-'))
  const upright = path.join(directory.path, 'upright.mp4')
  await writeFile(
    upright,
    await record('mp4', [...picture(seconds), ...tone(seconds), ...h264, '-c:a', 'aac']),
  )
  // The note to turn it is written only where the picture is copied.
  return await record(extension, ['-i', upright, '-c', 'copy', '-metadata:s:v:0', 'rotate=90', ...tags])
}

export const webmFilm = (seconds = 1) =>
  record('webm', [...picture(seconds), ...tone(seconds), '-c:v', 'libvpx', '-c:a', 'libopus', ...tags])

/** A codec of old that browsers do not play. */
export const oldFilm = () => record('mp4', [...picture(1), '-c:v', 'mpeg4', ...tags])

/** Half a second of silence, then half a second of a tone. */
export const voiceNote = (extension: 'ogg' | 'm4a' | 'mp3' | 'webm' | 'wav' | 'aac') => {
  const late = ['-af', 'adelay=500:all=1']
  const codec = {
    ogg: 'libopus',
    webm: 'libopus',
    m4a: 'aac',
    aac: 'aac',
    mp3: 'libmp3lame',
    wav: 'pcm_s16le',
  }
  return record(extension, [...tone(0.5), ...late, '-c:a', codec[extension], ...tags])
}

/** Two seconds of narrow-band AMR as old phones record it: frames of 20 ms at 12.2 kbit/s (RFC 4867, 5). */
export const amrNote = () => {
  const frame = Buffer.concat([Buffer.from([0x3c]), Buffer.alloc(31)])
  return Buffer.concat([Buffer.from('#!AMR\n'), ...Array.from({ length: 100 }, () => frame)])
}

/** A playlist that would have ffmpeg fetch what it names, dressed as a film. */
export const playlist = () =>
  Buffer.concat([
    Buffer.from('\0\0\0\x18ftypisom\0\0\0\0isommp41', 'latin1'),
    Buffer.from('\n#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n'),
  ])
