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
import { createUploader, type Uploader } from './uploader.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    photos: { type: 'string', default: '24' },
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

/** Photos a second: from the first completion to the last `ready`, beside a bare loop of sharp, in turn. */
async function measureThroughput(): Promise<void> {
  const count = Number(values.photos)
  const bytes = await photo(4_000, 3_000)
  const ratios: { wall: number; cpu: number }[] = []
  for (let round = 1; round <= Number(values.rounds); round++) {
    const bare = await measured(count, process.pid, () => {
      const left = Array.from({ length: count }, (_, i) => i)
      const work = async () => {
        while (left.pop() !== undefined) await makeBare(bytes, stateDir)
      }
      return Promise.all(Array.from({ length: concurrency }, work))
    })
    const mediaIds: string[] = []
    for (let i = 0; i < count; i++) mediaIds.push(await uploader.put(bytes))
    const product = await measured(count, mediaPid, async () => {
      await Promise.all(mediaIds.map((mediaId) => uploader.complete(mediaId)))
      await allReady(uploader, mediaIds)
    })
    ratios.push({ wall: product.perSecond / bare.perSecond, cpu: product.cpuMs / bare.cpuMs })
    tell(`12 MP photos, round ${round}: sharp ${told(bare)}, parley ${told(product)}`)
  }
  const wall = median(ratios.map((it) => it.wall))
  const cpu = median(ratios.map((it) => it.cpu))
  tell(`beside sharp, medians: ${wall.toFixed(2)} x the photos a second, ${cpu.toFixed(2)} x the CPU of each`)
}

/** From the answer to a completion to `ready`, one photo at a time. */
async function measureLatency(): Promise<void> {
  const bytes = await photo(4_000, 3_000)
  const times: number[] = []
  for (let i = 0; i < 10; i++) {
    const mediaId = await uploader.put(bytes)
    await uploader.complete(mediaId)
    const began = performance.now()
    await allReady(uploader, [mediaId])
    times.push(performance.now() - began)
  }
  tell(
    `12 MP photo, completed to ready, idle: median ${median(times).toFixed(0)} ms, longest ${Math.max(...times).toFixed(0)} ms`,
  )
}

/** Many photos of 20 megapixels at once, through the service itself (`fs`), as the worst case for its memory. */
async function measureMemory(): Promise<void> {
  const count = Number(values.parallel)
  const bytes = await photo(5_472, 3_648)
  using memory = watchPeak(mediaPid)
  const began = performance.now()
  const mediaIds = await Promise.all(
    Array.from({ length: count }, async () => {
      const mediaId = await uploader.put(bytes)
      await uploader.complete(mediaId)
      return mediaId
    }),
  )
  await allReady(uploader, mediaIds)
  const seconds = (performance.now() - began) / 1_000
  const { bytes: all, ownBytes: own } = memory.peak()
  const megabytes = (held: number) => (held / 1024 ** 2).toFixed(0)
  tell(
    `${count} photos of 20 MP (${(bytes.length / 1024 ** 2).toFixed(1)} MB) at once: peak ${megabytes(all)} MB resident, ${megabytes(own)} MB of it the service and the rest what reads images; ${seconds.toFixed(0)} s until the last was ready`,
  )
}

async function allReady(by: Uploader, mediaIds: string[]): Promise<void> {
  for (const mediaId of mediaIds) while (!(await by.isReady(mediaId))) await wait(20)
}

interface Measured {
  perSecond: number
  /** Of each photo, user and system time of the process and all its descendants. */
  cpuMs: number
}

const told = ({ perSecond, cpuMs }: Measured) => `${perSecond.toFixed(2)}/s (${cpuMs.toFixed(0)} ms CPU each)`

async function measured(count: number, pid: number, work: () => Promise<unknown>): Promise<Measured> {
  const [began, cpuBefore] = [performance.now(), cpuOf(pid)]
  await work()
  const seconds = (performance.now() - began) / 1_000
  return { perSecond: count / seconds, cpuMs: (cpuOf(pid) - cpuBefore) / count }
}

/** Of this process alone: the product's processes are its descendants. */
const cpuOf = (pid: number) => {
  if (pid !== process.pid) return cpuMsOf([pid])
  const { user, system } = process.cpuUsage()
  return (user + system) / 1_000
}

function median(numbers: number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}
