import { randomBytes, randomUUID } from 'node:crypto'
import path from 'node:path'
import { Client } from 'pg'
import { findFreePort } from './free-port.ts'
import { startProcess, waitUntilReady } from './owned-process.ts'
import { clusterCommand, createCluster, pingPostgres } from './postgres-cluster.ts'
import { chooseServers, prepareContainers, type ServerChoice } from './server-choice.ts'
import { makeTemporaryDir } from './temporary-dir.ts'

export interface PostgresServer extends AsyncDisposable {
  url: string
  choice: ServerChoice
}

const image = 'postgres:18'
// What a crash of the machine would cost does not matter here; the time to wait for a disk does.
const settings = { fsync: 'off', full_page_writes: 'off', max_connections: '300' }

/** The server this run tests against: the one in TEST_DATABASE_URL, else a container or a process of its own. */
export async function startPostgres(env: NodeJS.ProcessEnv = process.env): Promise<PostgresServer> {
  const url = env['TEST_DATABASE_URL']
  if (url) return { url, choice: 'yours', async [Symbol.asyncDispose]() {} }
  return (await chooseServers(env)) === 'containers' ? startContainer() : startOwn()
}

async function startContainer(): Promise<PostgresServer> {
  await prepareContainers()
  const { PostgreSqlContainer } = await import('@testcontainers/postgresql')
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const container = await new PostgreSqlContainer(image).withCommand(['postgres', ...flags]).start()
  return {
    url: container.getConnectionUri(),
    choice: 'container',
    async [Symbol.asyncDispose]() {
      await container.stop()
    },
  }
}

async function startOwn(): Promise<PostgresServer> {
  await using started = new AsyncDisposableStack()
  const { path: home } = started.use(await makeTemporaryDir('parley-test-postgres'))
  const dataDir = path.join(home, 'data')
  const password = randomBytes(12).toString('hex')
  await createCluster({ dataDir, user: 'parley', password, durable: false })
  const port = await findFreePort()
  const server = started.use(
    // SIGINT is PostgreSQL's fast shutdown: it does not wait for clients to leave.
    startProcess(await clusterCommand({ dataDir, port, settings }), { stopSignal: 'SIGINT' }),
  )
  const url = `postgres://parley:${password}@127.0.0.1:${port}/postgres`
  await waitUntilReady('PostgreSQL', server, () => pingPostgres(url))
  const owned = started.move()
  return { url, choice: 'process', [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

export interface TestDatabase extends AsyncDisposable {
  url: string
}

/** A database nobody else sees, dropped when the caller lets go of it. */
export async function createDatabase(serverUrl: string, template?: string): Promise<TestDatabase> {
  const name = `test_${randomUUID().replaceAll('-', '')}`
  const url = new URL(serverUrl)
  url.pathname = name
  await run(serverUrl, `create database ${name}${template ? ` template ${template}` : ''}`)
  return {
    url: url.href,
    async [Symbol.asyncDispose]() {
      await run(serverUrl, `drop database ${name} with (force)`)
    },
  }
}

async function run(url: string, statement: string): Promise<void> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(statement)
  } finally {
    await client.end()
  }
}
