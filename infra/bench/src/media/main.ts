import { mkdtemp } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { findFreePorts } from '@parley/local/ports'
import { startStack } from '@parley/local/stack'
import { createApi, signUp } from '@parley/testing/chat-api'
import { makeTemporaryDir } from '@parley/testing/temporary-dir'
import { cpuMsOf } from '../cpu.ts'
import { percentile } from '../statistics.ts'
import { whileStopped } from '../while-stopped.ts'
import { makeBare } from './bare-sharp.ts'
import { watchPeak } from './memory.ts'
import { photo } from './pictures.ts'
import { type Measured, type MediaReport, type ThroughputRound, toText } from './report.ts'
import { createUploader } from './uploader.ts'

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '3' },
    photos: { type: 'string', default: '24' },
    singles: { type: 'string', default: '50' },
    parallel: { type: 'string', default: '100' },
    only: { type: 'string' },
  },
})
/** As many photos side by side as the service reads at once. */
const concurrency = 2
const tell = (line: string) => void process.stderr.write(`${line}\n`)
const only = values.only?.split(',')
const wanted = (name: string) => !only || only.includes(name)

// What it has started ends with it.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

await using opened = new AsyncDisposableStack()
const { path: stateDir } = opened.use(await makeTemporaryDir('parley-bench-media'))
const overrides = {
  PASSWORD_SCRYPT_COST: '10',
  LOG_LEVEL: 'warn',
  MAX_PENDING_UPLOADS: '1000',
  PROCESSING_CONCURRENCY: String(concurrency),
}
const stack = opened.use(await startStack({ stateDir, ports: await findFreePorts(), overrides }))
const person = await signUp(createApi(stack.urls.app))
const uploader = createUploader(stack.urls.app, person)
const mediaPid = stack.pid('media') ?? 0

const report: MediaReport = {
  ...(wanted('throughput') && { throughput: await measureThroughput() }),
  ...(wanted('latency') && { latency: await measureLatency() }),
  ...(wanted('memory') && { memory: await measureMemory() }),
}
process.stdout.write(`${values.json ? JSON.stringify(report) : toText(report)}\n`)

/**
 * Photos a second: from the first completion to the last `ready`, beside a bare loop of sharp, in turn; and with their
 * uploads, which here go through the service and the origin before it. A first round warms both up and does not count.
 */
async function measureThroughput() {
  const photos = Number(values.photos)
  const bytes = await photo(4_000, 3_000)
  const rounds: ThroughputRound[] = []
  for (let round = 0; round <= Number(values.rounds); round++) {
    const bare = await whileStopped(stack.pids(), () =>
      measured(photos, process.pid, () => {
        const left = Array.from({ length: photos }, (_, i) => i)
        return all(concurrency, async () => {
          const directory = await mkdtemp(path.join(stateDir, 'bare-'))
          while (left.pop() !== undefined) await makeBare(bytes, directory)
        })
      }),
    )
    const began = performance.now()
    const mediaIds = await all(photos, () => uploader.put(bytes))
    const product = await measured(photos, mediaPid, async () => {
      await Promise.all(mediaIds.map((mediaId) => uploader.complete(mediaId)))
      await allReady(mediaIds)
    })
    const withUploads = (1_000 * photos) / (performance.now() - began)
    if (round > 0) rounds.push({ bare, product, withUploads })
    tell(
      `12 MP photos, round ${round}: sharp ${bare.perSecond.toFixed(2)}/s, parley ${product.perSecond.toFixed(2)}/s`,
    )
  }
  return { photos, rounds }
}

/** From the answer to a completion to `ready`, one photo at a time. */
async function measureLatency() {
  const bytes = await photo(4_000, 3_000)
  const times: number[] = []
  for (let i = 0; i < Number(values.singles); i++) {
    const mediaId = await uploader.put(bytes)
    await uploader.complete(mediaId)
    const began = performance.now()
    await allReady([mediaId], 5)
    times.push(performance.now() - began)
  }
  return { p50: percentile(times, 0.5), p99: percentile(times, 0.99) }
}

/** Many photos of 20 megapixels at once, through the service itself (`fs`), as the worst case for its memory. */
async function measureMemory() {
  const uploads = Number(values.parallel)
  const bytes = await photo(5_472, 3_648)
  using memory = watchPeak(mediaPid)
  const began = performance.now()
  const mediaIds = await all(uploads, async () => {
    const mediaId = await uploader.put(bytes)
    await uploader.complete(mediaId)
    return mediaId
  })
  await allReady(mediaIds)
  const seconds = (performance.now() - began) / 1_000
  const { bytes: residentBytes, ownBytes, proportionalBytes } = memory.peak()
  return { uploads, uploadBytes: bytes.length, residentBytes, proportionalBytes, ownBytes, seconds }
}

function all<T>(count: number, work: () => Promise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: count }, work))
}

/** Asked rarely, because asking costs too: an app waits for the event. */
async function allReady(mediaIds: string[], everyMs = 100): Promise<void> {
  for (const mediaId of mediaIds) while (!(await uploader.isReady(mediaId))) await wait(everyMs)
}

async function measured(count: number, pid: number, work: () => Promise<unknown>): Promise<Measured> {
  const [began, cpuBefore] = [performance.now(), cpuOf(pid)]
  await work()
  const seconds = (performance.now() - began) / 1_000
  return { perSecond: count / seconds, cpuMs: (cpuOf(pid) - cpuBefore) / count }
}

/** Of this process alone: the product's processes are its descendants. */
function cpuOf(pid: number): number {
  if (pid !== process.pid) return cpuMsOf([pid])
  const { user, system } = process.cpuUsage()
  return (user + system) / 1_000
}
