import { mkdir, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import path from 'node:path'
import { needDebian } from './debian-packages.ts'
import { findFreePort } from './free-port.ts'
import { startProcess, waitUntilReady } from './owned-process.ts'
import { makeTemporaryDir } from './temporary-dir.ts'

const packages = ['clamav-daemon']
const missing = `a virus scanner is needed; on Debian: apt-get install --no-install-recommends ${packages.join(' ')}`

/** What the scanner of the tests takes for malware. It is none. */
export const takenForMalware = 'this text stands for malware in the tests of parley'

export interface Clamd extends AsyncDisposable {
  host: string
  port: number
}

/** The real clamd, with a signature of our own in place of the world's, so that it needs no download and starts at once. */
export async function startClamd(): Promise<Clamd> {
  await needDebian({ binaries: ['clamd'], packages, missing })
  await using started = new AsyncDisposableStack()
  const { path: home } = started.use(await makeTemporaryDir('parley-test-clamd'))
  const [host, port] = ['127.0.0.1', await findFreePort()]
  await mkdir(path.join(home, 'db'))
  // A name, any type of file, anywhere in it, these bytes (clamav signature format, extended).
  const signature = `Parley.Test:0:*:${Buffer.from(takenForMalware).toString('hex')}\n`
  await writeFile(path.join(home, 'db/test.ndb'), signature)
  const settings = [
    `DatabaseDirectory ${home}/db`,
    `TCPAddr ${host}`,
    `TCPSocket ${port}`,
    'Foreground true',
    'StreamMaxLength 1M',
    `TemporaryDirectory ${home}`,
  ]
  await writeFile(path.join(home, 'clamd.conf'), `${settings.join('\n')}\n`)
  const options = { cwd: home, env: { PATH: process.env['PATH'] } }
  const daemon = started.use(startProcess({ file: 'clamd', args: ['-c', `${home}/clamd.conf`], options }))
  await waitUntilReady('clamd', daemon, () => ping(host, port))
  const owned = started.move()
  return { host, port, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

function ping(host: string, port: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const socket = connect({ host, port }, () => socket.end('zPING\0'))
  socket.setTimeout(2_000, () => socket.destroy(new Error('clamd is silent')))
  socket.on('data', (reply) =>
    reply.toString().startsWith('PONG') ? resolve() : reject(new Error('no PONG')),
  )
  socket.on('error', reject)
  socket.on('close', () => reject(new Error('clamd hung up')))
  return promise.finally(() => socket.destroy())
}
