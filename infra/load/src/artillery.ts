import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const dir = path.resolve(import.meta.dirname, '../artillery')
const root = path.resolve(import.meta.dirname, '../../..')
const photoPath = path.join(root, 'infra/local/assets/seeding.jpg')

/** Artillery has a lockfile and packages of its own, which are fetched when it is first run. */
export async function installArtillery(): Promise<void> {
  if (existsSync(path.join(dir, 'node_modules/artillery'))) return
  const { packageManager } = JSON.parse(await readFile(path.join(root, 'package.json'), 'utf8')) as {
    packageManager: string
  }
  await run('npx', ['--yes', packageManager, 'install', '--frozen-lockfile'], { cwd: dir, timeout: 300_000 })
}

/** What Artillery writes of a whole run. */
export interface Aggregate {
  counters: Record<string, number>
  summaries: Record<
    string,
    { count: number; min: number; max: number; median: number; p95: number; p99: number }
  >
}

interface RunOptions {
  target: string
  peopleFile: string
  reportFile: string
  perSecond: number
  seconds: number
}

/** One scenario from its first person to its last. `passed` is the word of the conditions in its file. */
export async function runArtillery(
  name: string,
  { target, peopleFile, reportFile, perSecond, seconds }: RunOptions,
): Promise<{ passed: boolean; aggregate: Aggregate; output: string }> {
  const overrides = {
    config: {
      target,
      phases: [{ duration: seconds, arrivalRate: perSecond }],
      variables: { origin: target, photoPath },
      payload: [{ path: peopleFile, fields: ['token', 'userId', 'conversationId'], order: 'sequence' }],
    },
  }
  const child = spawn(
    path.join(dir, 'node_modules/.bin/artillery'),
    [
      'run',
      path.join(dir, `scenarios/${name}.yml`),
      '--overrides',
      JSON.stringify(overrides),
      '--output',
      reportFile,
    ],
    {
      cwd: dir,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        PATH: `${path.dirname(process.execPath)}:/usr/bin:/bin`,
        HOME: path.dirname(reportFile),
        ARTILLERY_DISABLE_TELEMETRY: 'true',
        ARTILLERY_DISABLE_UPDATE_CHECK: 'true',
        // More workers than this take the cores away from what is measured.
        WORKERS: '1',
      },
    },
  )
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (output = (output + chunk.toString()).slice(-20_000)))
  const [code] = (await once(child, 'close')) as [number | null]
  if (!existsSync(reportFile)) throw new Error(`artillery ended with code ${code}:\n${output}`)
  const { aggregate } = JSON.parse(await readFile(reportFile, 'utf8')) as { aggregate: Aggregate }
  return { passed: code === 0, aggregate, output }
}
