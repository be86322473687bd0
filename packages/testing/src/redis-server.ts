import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Sharded pub/sub came with 7.0. */
const oldest = 7

const missing = `Redis ${oldest} or newer is needed and neither redis-server nor valkey-server is on the PATH; install it, for example with: apt-get install redis-server, dnf install valkey, apk add redis, brew install redis`

/**
 * The Redis or Valkey server of this machine. Root gets one installed by the system's package manager if there
 * is none; anybody else gets a sentence that says what to do.
 */
export async function findRedisServer(): Promise<string> {
  const found = await findOnPath()
  if (found) return found
  if (process.getuid?.() === 0) {
    await install()
    const installed = await findOnPath()
    if (installed) return installed
  }
  throw new Error(missing)
}

/** Throws unless the server answers PING with PONG, which it does not while it still reads its data. */
export async function pingRedis(port: number, host = '127.0.0.1'): Promise<void> {
  const socket = connect({ port, host, timeout: 2_000 })
  try {
    socket.on('timeout', () => socket.destroy(new Error('no answer')))
    await once(socket, 'connect')
    socket.write('PING\r\n')
    const [answer] = (await once(socket, 'data')) as [Buffer]
    if (!answer.toString().startsWith('+PONG')) throw new Error(answer.toString().trim())
  } finally {
    socket.on('error', () => {})
    socket.destroy()
  }
}

async function findOnPath(): Promise<string | undefined> {
  for (const name of ['redis-server', 'valkey-server']) {
    try {
      const { stdout } = await run(name, ['--version'])
      const version = /\bv=(\d+)/.exec(stdout)?.[1]
      if (version && Number(version) >= oldest) return name
    } catch {
      // Not on the PATH; the other name is asked for.
    }
  }
  return undefined
}

const installers: [manager: string, commands: string[][]][] = [
  [
    'apt-get',
    [
      ['apt-get', 'update', '-qq'],
      ['apt-get', 'install', '-y', '-qq', '--no-install-recommends', 'redis-server'],
    ],
  ],
  ['dnf', [['dnf', 'install', '-y', '-q', 'valkey']]],
  ['apk', [['apk', 'add', '--quiet', 'redis']]],
]

async function install(): Promise<void> {
  // Debian's package would start a server of its own; in runlevel 1 it does not.
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' }
  for (const [manager, commands] of installers) {
    try {
      await run(manager, ['--version'])
    } catch {
      continue
    }
    for (const [file = manager, ...args] of commands) {
      await run(file, args, { env, timeout: 300_000 }).catch((cause: unknown) => {
        throw new Error(missing, { cause })
      })
    }
    return
  }
}
