import { connect } from 'node:http2'

/**
 * The least a sender can do: one connection, as many streams as the provider allows, the same request again and
 * again. Prints how many milliseconds the requests took, of the clock and of
 * CPU, the connection being open and trusted.
 */
export interface BareRequest {
  origin: string
  /** PEM to trust. */
  ca: string
  path: string
  headers: Record<string, string>
  body: string
  count: number
}

const { origin, ca, path, headers, body, count } = JSON.parse(process.argv[2] ?? '') as BareRequest
const session = connect(origin, { ca, settings: { enablePush: false } })

function request(): Promise<void> {
  return new Promise((resolve, reject) => {
    const stream = session.request({ ':method': 'POST', ':path': path, ...headers })
    let status = 0
    stream.on('response', (given) => {
      status = given[':status'] ?? 0
    })
    stream.on('error', reject)
    stream.on('close', () => (status === 200 ? resolve() : reject(new Error(`status ${status}`))))
    stream.resume()
    stream.end(body)
  })
}

await new Promise((resolve) => session.once('remoteSettings', resolve))
await request()
const limit = Math.min(session.remoteSettings.maxConcurrentStreams ?? 1_000, 1_000)
const startedAt = performance.now()
const cpuBefore = process.cpuUsage()
let begun = 0
async function lane(): Promise<void> {
  while (begun++ < count) await request()
}
await Promise.all(Array.from({ length: limit }, lane))
const { user, system } = process.cpuUsage(cpuBefore)
const result = { tookMs: performance.now() - startedAt, cpuMs: (user + system) / 1_000 }
process.stdout.write(`${JSON.stringify(result)}\n`)
session.close()
