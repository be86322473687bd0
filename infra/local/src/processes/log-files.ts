import { createWriteStream, existsSync, mkdirSync, renameSync, type WriteStream } from 'node:fs'
import path from 'node:path'
import { levelOf, renderLine } from './render-line.ts'

interface LogOptions {
  dir: string
  /** Where lines of `terminalLevel` and above are shown, rendered; left out, nowhere. */
  terminal?: NodeJS.WritableStream
  /** A pino level number. */
  terminalLevel?: number
  colour?: boolean
}

const maxFileBytes = 20 * 1024 * 1024
/** What may wait for the disk; beyond it lines are dropped rather than kept in memory. */
const maxWaitingBytes = 4 * 1024 * 1024

/** Every process's output in a file of its own, as it came; the run before is kept beside it as `.1`. */
export class LogFiles implements AsyncDisposable {
  #options: LogOptions
  #files = new Map<string, LogFile>()

  constructor(options: LogOptions) {
    this.#options = options
    mkdirSync(options.dir, { recursive: true })
  }

  pathOf(name: string): string {
    return path.join(this.#options.dir, `${name}.log`)
  }

  write(name: string, line: string): void {
    let file = this.#files.get(name)
    if (!file) this.#files.set(name, (file = new LogFile(this.pathOf(name))))
    file.write(`${line}\n`)
    const { terminal, terminalLevel = 40, colour = false } = this.#options
    if (terminal && (levelOf(line) ?? 0) >= terminalLevel) {
      terminal.write(`${renderLine(name, line, { colour })}\n`)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#files.values()].map((file) => file.close()))
  }
}

class LogFile {
  #path: string
  #stream: WriteStream
  #bytes = 0

  constructor(file: string) {
    this.#path = file
    this.#stream = this.#open()
  }

  write(text: string): void {
    if (this.#stream.writableLength > maxWaitingBytes) return
    if (this.#bytes > maxFileBytes) {
      this.#stream.end()
      this.#stream = this.#open()
    }
    this.#bytes += Buffer.byteLength(text)
    this.#stream.write(text)
  }

  close(): Promise<void> {
    return new Promise((resolve) => this.#stream.end(() => resolve()))
  }

  #open(): WriteStream {
    if (existsSync(this.#path)) renameSync(this.#path, `${this.#path}.1`)
    this.#bytes = 0
    // A disk that is full costs log lines, not the stack.
    return createWriteStream(this.#path, { flags: 'a' }).on('error', () => {})
  }
}
