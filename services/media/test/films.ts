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

/** What ffprobe says of a file. */
export async function ffprobe(bytes: Buffer): Promise<string> {
  await using directory = await mkdtempDisposable(path.join(tmpdir(), 'parley-look-'))
  const file = path.join(directory.path, 'file')
  await writeFile(file, bytes)
  return (await run('ffprobe', ['-v', 'error', '-show_format', '-show_streams', '-of', 'json', file])).stdout
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

/** As drones and programs for cutting write one: words beside the film, and a second sound of a codec of its own. */
export function filmWithMore(): Promise<Buffer> {
  const words = Buffer.from('1\n00:00:00,000 --> 00:00:01,000\nthe place it was made at\n').toString('base64')
  const inputs = [...picture(1), ...tone(1), '-f', 'srt', '-i', `data:text/plain;base64,${words}`]
  const maps = ['-map', '0', '-map', '1', '-map', '1', '-map', '2']
  return record('mp4', [...inputs, ...maps, ...h264, '-c:a:0', 'aac', '-c:a:1', 'ac3', '-c:s', 'mov_text'])
}

/** More tracks than anybody has a use for. */
export const filmOfManySounds = () => {
  const sounds = Array.from({ length: 64 }, () => ['-map', '1']).flat()
  return record('mp4', [...picture(1), ...tone(1), '-map', '0', ...sounds, ...h264, '-c:a', 'aac'])
}

/** Of pixels that are twice as wide as high, as those of DV and of old television are. */
export const wideFilm = () => record('mp4', [...picture(1), '-vf', 'scale=160:180,setsar=2', ...h264])

/** A sound in a container of films, of a codec that not everything plays. */
export const rareNote = (extension: 'm4a' | 'mp4' | 'mov', codec: string) =>
  record(extension, [...tone(1), '-c:a', codec])

/** A codec of old that browsers do not play. */
export const oldFilm = () => record('mp4', [...picture(1), '-c:v', 'mpeg4', ...tags])

/** Half a second of silence, then half a second of a tone. */
export const voiceNote = (extension: 'ogg' | 'm4a' | 'mp3' | 'webm' | 'wav' | 'aac' | 'flac') => {
  const late = ['-af', 'adelay=500:all=1']
  const codec = {
    ogg: 'libopus',
    webm: 'libopus',
    m4a: 'aac',
    aac: 'aac',
    mp3: 'libmp3lame',
    wav: 'pcm_s16le',
    flac: 'flac',
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

/** A film or a song, with a cover in front of it, as some programs write one: `udta` before every `trak`. */
export async function withCover(what: 'film' | 'song'): Promise<Buffer> {
  const picture = ['-f', 'lavfi', '-i', 'color=blue:size=320x180:rate=25:duration=1']
  const cover = ['-f', 'lavfi', '-i', 'color=red:size=300x300:rate=25:duration=0.04']
  const [inputs, maps, at] =
    what === 'film'
      ? [[...picture, ...tone(1), ...cover], ['0', '1', '2'], 1]
      : [[...tone(1), ...cover], ['0', '1'], 0]
  const codecs = [...h264, '-c:a', 'aac', `-c:v:${at}`, 'mjpeg', `-pix_fmt:v:${at}`, 'yuvj420p']
  const mapped = maps.flatMap((input) => ['-map', input])
  const bytes = await record('mp4', [...inputs, ...mapped, ...codecs, `-disposition:v:${at}`, 'attached_pic'])

  const [moov, udta] = [bytes.lastIndexOf('moov') + 4, bytes.lastIndexOf('udta') - 4]
  const header = moov + bytes.readUInt32BE(moov)
  return Buffer.concat([bytes.subarray(0, header), bytes.subarray(udta), bytes.subarray(header, udta)])
}

/** A tag as of music, with a cover of so many bytes, in front of a sound (ID3v2.3, 3.1). */
export function withTag(sound: Buffer, coverBytes: number): Buffer {
  const header = Buffer.from('ID3\x03\0\0\0\0\0\0', 'latin1')
  for (let i = 0; i < 4; i++) header[6 + i] = (coverBytes >> (7 * (3 - i))) & 0x7f
  return Buffer.concat([header, Buffer.alloc(coverBytes), sound])
}
