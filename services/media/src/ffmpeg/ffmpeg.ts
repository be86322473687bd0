import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setPriority } from 'node:os'
import { NoAnswer } from '../processing/no-answer.ts'
import { watchMemory } from '../processing/watch-memory.ts'

/** ffmpeg says that the file is at fault: it is broken, or of a codec that is not read here. */
export class FfmpegRefusal extends Error {
  override name = 'FfmpegRefusal'
  readonly failure: 'unreadable' | 'unsupported_codec'

  constructor(stderr: string) {
    super(stderr)
    this.failure = stderr.includes('not on whitelist') ? 'unsupported_codec' : 'unreadable'
  }
}

export interface FfmpegConfig {
  ffmpegPath: string
  ffprobePath: string
  /** For one run. */
  timeLimitMs: number
  /** Resident, of one run. */
  memoryLimitBytes: number
}

interface Run {
  args: string[]
  /** Where what it makes lies; paths in `args` may be relative to it. */
  directory: string
  /** Hears the bytes of standard output as they come, instead of their being kept. */
  onOutput?: (bytes: Buffer) => void
}

/** Where ffmpeg is looked for when its path is only a name. It is told nothing else of our environment. */
const env = { PATH: '/usr/local/bin:/usr/bin:/bin:/opt/homebrew/bin', LC_ALL: 'C' }
const maxKeptBytes = 256 * 1024

/** Runs the two programs of ffmpeg: each run a process of its own, with bounds on its time, memory and words. */
export function createFfmpeg(config: FfmpegConfig) {
  return {
    ffprobe: (run: Run) => execute(config.ffprobePath, ['-v', 'error', ...run.args], run),
    ffmpeg: (run: Run) =>
      execute(config.ffmpegPath, ['-nostdin', '-hide_banner', '-v', 'error', '-y', ...run.args], run),
  }

  /** What it wrote to standard output. */
  async function execute(file: string, args: string[], { directory, onOutput }: Run): Promise<string> {
    const child = spawn(file, args, { cwd: directory, env, stdio: ['ignore', 'pipe', 'pipe'] })
    const [output, errors] = [keep(), keep()]
    child.stdout.on('data', (chunk: Buffer) => (onOutput ?? output.add)(chunk))
    child.stderr.on('data', (chunk: Buffer) => errors.add(chunk))
    let ended: string | undefined
    const end = (reason: string) => {
      ended = reason
      child.kill('SIGKILL')
    }
    const timer = setTimeout(() => end(`no answer in ${config.timeLimitMs} ms`), config.timeLimitMs)
    using _ = watchMemory(child.pid ?? 0, config.memoryLimitBytes, () => end('its memory is full'))
    try {
      // Others come first: nobody waits for a film as they wait for an answer.
      if (child.pid) setPriority(child.pid, 10)
      const [code] = (await once(child, 'close')) as [number | null]
      if (code === 0) return output.text()
      if (code === null) throw new NoAnswer(ended ?? 'ended by a signal')
      throw failureOf(errors.text())
    } finally {
      clearTimeout(timer)
    }
  }
}

export type Ffmpeg = ReturnType<typeof createFfmpeg>

/**
 * What is not there, cannot be started or has no room is not the fault of a file. Memory that was not given may be: a
 * broken index asks for any amount, and does so each time.
 */
function failureOf(stderr: string): Error {
  const said = stderr.slice(0, 1_000)
  if (stderr.includes('Cannot allocate')) return new NoAnswer(`ffmpeg: ${said}`)
  return /No space left|Permission denied/.test(stderr)
    ? new Error(`ffmpeg: ${said}`)
    : new FfmpegRefusal(said)
}

function keep() {
  const chunks: Buffer[] = []
  let bytes = 0
  return {
    add: (chunk: Buffer): void => {
      if (bytes > maxKeptBytes) return
      bytes += chunk.length
      chunks.push(chunk)
    },
    text: () => Buffer.concat(chunks).toString(),
  }
}

/** What is wrong, unless both programs are there and answer. */
export async function checkFfmpeg(
  config: Pick<FfmpegConfig, 'ffmpegPath' | 'ffprobePath'>,
): Promise<string | undefined> {
  for (const file of [config.ffmpegPath, config.ffprobePath]) {
    const child = spawn(file, ['-version'], { env, stdio: 'ignore' })
    const problem = await Promise.race([
      once(child, 'close').then(([code]) => (code === 0 ? undefined : `${file} ends with ${String(code)}`)),
      once(child, 'error').then(() => `${file} cannot be run`),
    ]).catch(() => `${file} cannot be run`)
    if (problem) return problem
  }
  return undefined
}
