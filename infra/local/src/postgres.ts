import { existsSync, readFileSync, renameSync, rmSync } from 'node:fs'
import path from 'node:path'
import { clusterCommand, createCluster, pingPostgres } from '@parley/testing/postgres-cluster'
import { Client } from 'pg'
import type { ProcessPlan } from './processes/supervised-process.ts'
import { StackError } from './stack-error.ts'

interface PostgresOptions {
  dataDir: string
  port: number
  password: string
}

const version = '18'
const user = 'parley'
const database = 'parley'
const configFile = path.resolve(import.meta.dirname, '../../postgres/postgresql.conf')

/** The address services get. */
export function postgresUrl({ port, password }: Omit<PostgresOptions, 'dataDir'>, name = database): string {
  return `postgres://${user}:${password}@127.0.0.1:${port}/${name}`
}

/** Makes the cluster on the first start. It appears under its name only when it is whole. */
export async function preparePostgres({ dataDir, password }: PostgresOptions): Promise<void> {
  if (existsSync(dataDir)) return checkDataDir(dataDir)
  const unfinished = `${dataDir}.unfinished`
  rmSync(unfinished, { recursive: true, force: true })
  await createCluster({ dataDir: unfinished, user, password, durable: true })
  renameSync(unfinished, dataDir)
}

export function postgresPlan({ dataDir, port, password }: PostgresOptions): ProcessPlan {
  return {
    name: 'postgres',
    async command() {
      removeForeignPidFile(dataDir)
      return clusterCommand({ dataDir, port, settings: { config_file: configFile } })
    },
    ready: () => pingPostgres(postgresUrl({ port, password }, 'postgres')),
    // PostgreSQL's fast shutdown: clients are not waited for, the data is left clean.
    stopSignal: 'SIGINT',
    graceMs: 8_000,
  }
}

export async function ensureDatabase(options: Omit<PostgresOptions, 'dataDir'>): Promise<void> {
  const client = new Client({ connectionString: postgresUrl(options, 'postgres') })
  await client.connect()
  try {
    const { rowCount } = await client.query('select 1 from pg_database where datname = $1', [database])
    if (rowCount === 0) await client.query(`create database ${database}`)
  } finally {
    await client.end()
  }
}

/** The sentence for a PostgreSQL that does not come up on its data. */
export function explainPostgres(dataDir: string, cause: unknown): StackError {
  const output = cause instanceof Error ? cause.message : ''
  const fatal =
    /(?:FATAL|PANIC): +(.*)/.exec(output)?.[1] ?? output.split('\n').findLast((line) => line.trim())
  return new StackError(
    `the database in ${dataDir} does not start (${fatal ?? 'no reason given'}): restore the directory from a copy, or remove it to begin empty`,
    { cause },
  )
}

function checkDataDir(dataDir: string): void {
  const file = path.join(dataDir, 'PG_VERSION')
  const found = existsSync(file) ? readFileSync(file, 'utf8').trim() : undefined
  if (found === version) return
  throw new StackError(
    found
      ? `${dataDir} holds data of PostgreSQL ${found} and this is PostgreSQL ${version}: move it away, or dump it with the old version and load it here`
      : `${dataDir} is not a PostgreSQL data directory: restore it from a copy, or remove it to begin empty`,
  )
}

/**
 * PostgreSQL refuses to start while the process its pid file names is alive. After a machine was restarted that
 * may be any program, so a file that names something other than PostgreSQL goes; every other case is left to it.
 */
function removeForeignPidFile(dataDir: string): void {
  const file = path.join(dataDir, 'postmaster.pid')
  if (!existsSync(file) || process.platform !== 'linux') return
  const pid = readFileSync(file, 'utf8').split('\n')[0] ?? ''
  const comm = `/proc/${pid}/comm`
  if (existsSync(comm) && readFileSync(comm, 'utf8').trim() !== 'postgres') rmSync(file)
}
