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

/** What databases start with: filled once a run, and copied for whoever asks for one. */
export interface Template {
  name: string
  fill(url: string): Promise<unknown>
}

/** A database nobody else sees, dropped when the caller lets go of it. */
export async function createDatabase(serverUrl: string, template?: Template): Promise<TestDatabase> {
  return create(serverUrl, template ? `template ${await prepareTemplate(serverUrl, template)}` : '')
}

/** The same as another server may have made it: empty, with an encoding or a locale of its own. */
export function createDatabaseWith(serverUrl: string, settings: string): Promise<TestDatabase> {
  return create(serverUrl, `template template0 ${settings}`)
}

async function create(serverUrl: string, clauses: string): Promise<TestDatabase> {
  const name = `test_${randomUUID().replaceAll('-', '')}`
  await using server = await connect(serverUrl)
  await server.query(`create database ${name} ${clauses}`)
  return {
    url: urlOf(serverUrl, name),
    async [Symbol.asyncDispose]() {
      await using server = await connect(serverUrl)
      await server.query(`drop database ${name} with (force)`)
    },
  }
}

/** Whose templates these are: a server of your own may still have those of another run, whose migrations were others. */
const templatesOfRun = () => `template_${process.env['PARLEY_TEST_RUN'] ?? process.pid}_`

async function prepareTemplate(serverUrl: string, template: Template): Promise<string> {
  const whole = `${templatesOfRun()}${template.name}`
  await using server = await connect(serverUrl)
  // Until this connection ends: files that run at once ask for the same one.
  await server.query('select pg_advisory_lock(hashtextextended($1, 0))', [whole])
  const { rowCount } = await server.query('select from pg_database where datname = $1', [whole])
  if (rowCount) return whole
  const unfinished = `${whole}_unfinished`
  await server.query(`drop database if exists ${unfinished} with (force)`)
  await server.query(`create database ${unfinished}`)
  await template.fill(urlOf(serverUrl, unfinished))
  await server.query(`alter database ${unfinished} rename to ${whole}`)
  return whole
}

export async function dropTemplates(serverUrl: string): Promise<void> {
  await using server = await connect(serverUrl)
  const { rows } = await server.query<{ datname: string }>(
    'select datname from pg_database where starts_with(datname, $1)',
    [templatesOfRun()],
  )
  for (const { datname } of rows) await server.query(`drop database ${datname} with (force)`)
}

function urlOf(serverUrl: string, database: string): string {
  const url = new URL(serverUrl)
  url.pathname = database
  return url.href
}

async function connect(connectionString: string): Promise<Client & AsyncDisposable> {
  const client = new Client({ connectionString })
  await client.connect()
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.end() })
}
