import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { findFreePorts } from '@parley/local/ports'
import { startStack } from '@parley/local/stack'
import { createApi, signUp } from '@parley/testing/chat-api'
import { cpuMsOf } from '../cpu.ts'
import { makeBare } from './bare-sharp.ts'
import { watchPeak } from './memory.ts'
import { photo } from './pictures.ts'
import { createUploader } from './uploader.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    photos: { type: 'string', default: '24' },
    singles: { type: 'string', default: '50' },
    parallel: { type: 'string', default: '100' },
    only: { type: 'string' },
  },
})
/** As many photos side by side as the service reads at once. */
const concurrency = 2
const tell = (line: string) => void process.stdout.write(`${line}\n`)

await using opened = new AsyncDisposableStack()
const stateDir = await mkdtemp(path.join(tmpdir(), 'parley-bench-media-'))
opened.defer(() => rm(stateDir, { recursive: true, force: true }))
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

for (const [name, measure] of Object.entries({
  throughput: measureThroughput,
  latency: measureLatency,
  memory: measureMemory,
})) {
  if (values.only === undefined || values.only === name) await measure()
}

/**
 * Photos a second: from the first completion to the last `ready`, beside a bare loop of sharp, in turn; and with their
 * uploads, which here go through the service and the origin before it. A first round warms both up and does not count.
 */
async function measureThroughput(): Promise<void> {
  const count = Number(values.photos)
  const bytes = await photo(4_000, 3_000)
  const ratios: { wall: number; cpu: number }[] = []
  for (let round = 0; round <= Number(values.rounds); round++) {
    const bare = await measured(count, process.pid, () => {
      const left = Array.from({ length: count }, (_, i) => i)
      return all(concurrency, async () => {
        const directory = await mkdtemp(path.join(stateDir, 'bare-'))
        while (left.pop() !== undefined) await makeBare(bytes, directory)
      })
    })
    const began = performance.now()
    const mediaIds = await all(count, () => uploader.put(bytes))
    const product = await measured(count, mediaPid, async () => {
      await Promise.all(mediaIds.map((mediaId) => uploader.complete(mediaId)))
      await allReady(mediaIds)
    })
    const withUploads = (1_000 * count) / (performance.now() - began)
    if (round === 0) continue
    ratios.push({ wall: product.perSecond / bare.perSecond, cpu: product.cpuMs / bare.cpuMs })
    tell(
      `12 MP photos, round ${round}: sharp ${told(bare)}, parley ${told(product)}, ${withUploads.toFixed(2)}/s with uploads`,
    )
  }
  const wall = median(ratios.map((it) => it.wall))
  const cpu = median(ratios.map((it) => it.cpu))
  tell(`beside sharp, medians: ${wall.toFixed(2)} x the photos a second, ${cpu.toFixed(2)} x the CPU of each`)
}

/** From the answer to a completion to `ready`, one photo at a time. */
async function measureLatency(): Promise<void> {
  const bytes = await photo(4_000, 3_000)
  const times: number[] = []
  for (let i = 0; i < Number(values.singles); i++) {
    const mediaId = await uploader.put(bytes)
    await uploader.complete(mediaId)
    const began = performance.now()
    await allReady([mediaId], 5)
    times.push(performance.now() - began)
  }
  const [p50, p99] = [percentile(times, 50), percentile(times, 99)]
  tell(`12 MP photo, completed to ready, one at a time: p50 ${p50.toFixed(0)} ms, p99 ${p99.toFixed(0)} ms`)
}

/** Many photos of 20 megapixels at once, through the service itself (`fs`), as the worst case for its memory. */
async function measureMemory(): Promise<void> {
  const count = Number(values.parallel)
  const bytes = await photo(5_472, 3_648)
  using memory = watchPeak(mediaPid)
  const began = performance.now()
  const mediaIds = await all(count, async () => {
    const mediaId = await uploader.put(bytes)
    await uploader.complete(mediaId)
    return mediaId
  })
  await allReady(mediaIds)
  const seconds = (performance.now() - began) / 1_000
  const { bytes: resident, ownBytes: own, proportionalBytes: proportional } = memory.peak()
  const megabytes = (held: number) => (held / 1024 ** 2).toFixed(0)
  tell(
    `${count} photos of 20 MP (${(bytes.length / 1024 ** 2).toFixed(1)} MB) at once: peak ${megabytes(resident)} MB resident (PSS ${megabytes(proportional)} MB), ${megabytes(own)} MB of it the service and the rest what reads images; ${seconds.toFixed(0)} s until the last was ready`,
  )
}

function all<T>(count: number, work: () => Promise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: count }, work))
}

/** Asked rarely, because asking costs too: an app waits for the event. */
async function allReady(mediaIds: string[], everyMs = 100): Promise<void> {
  for (const mediaId of mediaIds) while (!(await uploader.isReady(mediaId))) await wait(everyMs)
}

interface Measured {
  perSecond: number
  /** Of each photo, user and system time of the process and all its descendants. */
  cpuMs: number
}

function told({ perSecond, cpuMs }: Measured): string {
  return `${perSecond.toFixed(2)}/s (${cpuMs.toFixed(0)} ms CPU each)`
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

function median(numbers: number[]): number {
  return percentile(numbers, 50)
}

function percentile(numbers: number[], percent: number): number {
  const sorted = numbers.toSorted((a, b) => a - b)
  return sorted[Math.ceil((percent / 100) * sorted.length) - 1] ?? Number.NaN
}
