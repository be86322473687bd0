import { createReadStream } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { pipeline } from 'node:stream/promises'

export type Verdict = 'clean' | 'infected'

export interface ClamavConfig {
  host: string
  port: number
  timeLimitMs: number
  /** What clamd takes, its `StreamMaxLength`. It hangs up on more, so larger uploads are refused beforehand. */
  maxBytes: number
}

/** What a reply is read up to; longer ones are no reply of clamd's. */
const maxReplyBytes = 4_096

/**
 * Asks clamd about a local file, over its INSTREAM command (clamd(8)). Throws when there is no verdict, because
 * clamd is away, slow or has no database; nobody may take that for `clean`.
 */
export async function scanFile(config: Omit<ClamavConfig, 'maxBytes'>, file: string): Promise<Verdict> {
  const signal = AbortSignal.timeout(config.timeLimitMs)
  const socket = connect({ host: config.host, port: config.port, signal })
  const reply = readReply(socket)
  try {
    // A pipeline does not see that the other side hangs up; the reply does.
    const sent = pipeline(chunksOf(file), socket, { signal, end: false })
    return verdictOf(await Promise.race([reply, sent.then(() => reply)]))
  } catch (cause) {
    throw new Error('clamd gave no verdict', { cause })
  } finally {
    socket.destroy()
  }
}

/** The command, then chunks that each begin with their length in four bytes, then one of none. */
async function* chunksOf(file: string): AsyncGenerator<Buffer> {
  yield Buffer.from('zINSTREAM\0')
  for await (const chunk of createReadStream(file) as AsyncIterable<Buffer>) {
    yield lengthOf(chunk.length)
    yield chunk
  }
  yield lengthOf(0)
}

function lengthOf(bytes: number): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(bytes)
  return length
}

/** Up to the NUL that ends it. */
function readReply(socket: Socket): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  let text = ''
  socket.setEncoding('latin1')
  socket.on('data', (chunk: string) => {
    text += chunk
    const end = text.indexOf('\0')
    if (end >= 0) resolve(text.slice(0, end))
    else if (text.length > maxReplyBytes) reject(new Error('clamd says too much'))
  })
  socket.on('error', reject)
  socket.on('close', () => reject(new Error('clamd hung up')))
  promise.catch(() => {})
  return promise
}

function verdictOf(reply: string): Verdict {
  if (reply === 'stream: OK') return 'clean'
  if (/^stream: .* FOUND$/.test(reply)) return 'infected'
  throw new Error(`clamd answers ${JSON.stringify(reply.slice(0, 200))}`)
}
