import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { Redis } from 'ioredis'
import type { Certificate } from './certificates.ts'
import { findFreePort } from './free-port.ts'
import { startProcess, waitUntilReady } from './owned-process.ts'
import { findRedisServer } from './redis-server.ts'
import { makeTemporaryDir } from './temporary-dir.ts'

/** Of Redis and of sentinels, in tests of those that have one. */
export const redisPassword = 'only-for-tests'
/** With no more rights than docs/operations.md asks for. */
export const redisUser = 'app'
const rights = '~parley:* ~{parley:* &parley:* &socket.io#* +@all -@dangerous +info +config|get'
export const userFlags = ['--user', redisUser, 'on', `>${redisPassword}`, ...rights.split(' ')]
// BullMQ wants to be refused rather than have a job evicted.
export const redisFlags = ['--save', '', '--appendonly', 'no', '--maxmemory-policy', 'noeviction']

export interface RedisNode extends AsyncDisposable {
  port: number
  /** Speaks to this one alone. */
  client: Redis
  /** At once, as if the power had gone. */
  kill: () => void
  /** Keeps its connections and does nothing more. */
  hang: () => void
  /** Goes on after it hung. */
  resume: () => void
}

interface NodeOptions {
  flags: string[]
  password?: string
  /** Speaks TLS alone, to clients and to its like. */
  certificate?: Certificate | undefined
  /** What a sentinel is told of the primary it watches. */
  watches?: string[]
}

/** A Redis or a sentinel of the test's own, as a process. */
export async function startRedisNode({
  flags,
  password,
  certificate,
  watches,
}: NodeOptions): Promise<RedisNode> {
  await using started = new AsyncDisposableStack()
  const file = await findRedisServer()
  const { path: home } = started.use(await makeTemporaryDir('parley-test-redis'))
  const port = await findFreePort()
  const conf = path.join(home, 'redis.conf')
  await writeFile(conf, (watches ?? []).map((line) => `sentinel ${line}\n`).join(''))
  const args = [conf, '--bind', '127.0.0.1', '--dir', home, ...flags]
  if (certificate)
    args.push('--port', '0', '--tls-port', String(port), ...(await tlsFlags(home, certificate)))
  else args.push('--port', String(port))
  if (password) args.push('--requirepass', password)
  const server = started.use(
    startProcess({ file, args: watches ? [...args, '--sentinel'] : args, options: { cwd: home } }),
  )
  const access = {
    ...(password ? { password } : {}),
    ...(certificate ? { tls: { ca: certificate.ca } } : {}),
  }
  const client = started.adopt(new Redis(port, { ...access, retryStrategy: () => 50 }), (it) =>
    it.disconnect(),
  )
  client.on('error', () => undefined)
  await waitUntilReady('Redis', server, async () => void (await client.ping()))
  const owned = started.move()
  return {
    port,
    client,
    kill: () => void server.child.kill('SIGKILL'),
    hang: () => void server.child.kill('SIGSTOP'),
    resume: () => void server.child.kill('SIGCONT'),
    [Symbol.asyncDispose]() {
      server.child.kill('SIGCONT')
      return owned.disposeAsync()
    },
  }
}

async function tlsFlags(home: string, { key, cert, ca }: Certificate): Promise<string[]> {
  const files = Object.entries({ 'tls-key-file': key, 'tls-cert-file': cert, 'tls-ca-cert-file': ca })
  for (const [name, pem] of files) await writeFile(path.join(home, name), pem)
  return [
    ...files.flatMap(([name]) => [`--${name}`, path.join(home, name)]),
    ...['tls-replication', 'tls-cluster'].flatMap((name) => [`--${name}`, 'yes']),
    '--tls-auth-clients',
    'no',
  ]
}
