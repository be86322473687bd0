import { randomBytes } from 'node:crypto'
import type { TestProject } from 'vitest/node'
import { dropTemplates, startPostgres } from './postgres.ts'
import { startRedis } from './redis.ts'
import { chooseServers } from './server-choice.ts'

declare module 'vitest' {
  interface ProvidedContext {
    postgresUrl: string
    redisUrl: string
  }
}

/** Starts the servers once a run and tells every test file where they are. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  // Decided once: the workers inherit it, so a private Redis is of the same kind as the shared one.
  process.env['PARLEY_TEST_SERVERS'] ??= await chooseServers()
  process.env['PARLEY_TEST_RUN'] = randomBytes(6).toString('hex')
  await using started = new AsyncDisposableStack()
  const postgres = started.use(await startPostgres())
  started.defer(() => dropTemplates(postgres.url))
  const redis = started.use(await startRedis())
  project.provide('postgresUrl', postgres.url)
  project.provide('redisUrl', redis.url)
  const name = project.name
  process.stdout.write(`test servers of ${name}: PostgreSQL ${described(postgres)}\n`)
  process.stdout.write(`test servers of ${name}: Redis ${described(redis)}\n`)
  const owned = started.move()
  return () => owned.disposeAsync()
}

const wording = {
  yours: 'as given by the environment',
  container: 'in a container',
  process: 'as a process',
} as const

function described({ url, choice }: { url: string; choice: keyof typeof wording }): string {
  // After the password, which a URL of a cluster is too unusual for `URL` to find.
  return `${wording[choice]} at ${url.replace(/^.*(@|:\/\/)/, '').replace(/[/?].*$/, '')}`
}
