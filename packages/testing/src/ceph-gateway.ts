import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { needDebian } from './debian-packages.ts'
import { findFreePort } from './free-port.ts'
import { startProcess, waitUntilReady } from './owned-process.ts'
import { makeTemporaryDir } from './temporary-dir.ts'

const run = promisify(execFile)

const binaries = ['ceph', 'ceph-mon', 'ceph-osd', 'radosgw', 'radosgw-admin']
const packages = ['radosgw', 'ceph-mon', 'ceph-osd', 'ceph-common']
const missing = `an S3 server is needed and there is neither a Docker engine with the image nor Ceph on the PATH; set TEST_S3_URL, or install Ceph, on Debian with: apt-get install --no-install-recommends ${packages.join(' ')}`

interface Keys {
  accessKeyId: string
  secretAccessKey: string
}

/** `<bucket>.` before it names a bucket by the host alone. Its names are this machine's (RFC 6761), where they are looked up so. */
export const gatewayDomain = 's3.localhost'

/**
 * Ceph's S3 gateway over one monitor and one object store in memory, on loopback: it checks signatures,
 * lengths and types as a real store does. Takes some 15 s to start.
 */
export async function startCephGateway(keys: Keys): Promise<AsyncDisposable & { endpoint: string }> {
  await needDebian({ binaries, packages, missing })
  await using started = new AsyncDisposableStack()
  const { path: home } = started.use(await makeTemporaryDir('parley-test-ceph'))
  const [monitorPort, gatewayPort] = [await findFreePort(), await findFreePort()]
  const fsid = randomUUID()
  for (const dir of ['mon', 'osd/0', 'gateway', 'log', 'run'])
    await mkdir(path.join(home, dir), { recursive: true })
  await writeFile(path.join(home, 'ceph.conf'), configuration({ home, fsid, monitorPort, gatewayPort }))

  const options = { cwd: home, env: { PATH: process.env['PATH'], CEPH_CONF: path.join(home, 'ceph.conf') } }
  const ask = async (file: string, ...args: string[]) =>
    (await run(file, args, { ...options, timeout: 60_000 })).stdout
  const daemon = (file: string, ...args: string[]) =>
    started.use(startProcess({ file, args: [...args, '-f'], options }))

  const adminCaps = ['mon', 'osd', 'mgr', 'mds'].flatMap((part) => ['--cap', part, 'allow *'])
  const authtool = ['--create-keyring', '--gen-key']
  await ask('ceph-authtool', 'mon.keyring', ...authtool, '-n', 'mon.', '--cap', 'mon', 'allow *')
  await ask('ceph-authtool', 'client.admin.keyring', ...authtool, '-n', 'client.admin', ...adminCaps)
  await ask('ceph-authtool', 'mon.keyring', '--import-keyring', 'client.admin.keyring')
  const monitorAddress = `[v2:127.0.0.1:${monitorPort}]`
  await ask('monmaptool', '--create', '--fsid', fsid, '--addv', 'a', monitorAddress, 'monmap')
  await ask('ceph-mon', '--mkfs', '-i', 'a', '--monmap', 'monmap', '--keyring', 'mon.keyring')
  const monitor = daemon('ceph-mon', '-i', 'a')
  await waitUntilReady('ceph-mon', monitor, async () => void (await ask('ceph', '--connect-timeout=5', '-s')))

  const osdId = randomUUID()
  await ask('ceph', 'osd', 'new', osdId, '0')
  const osdCaps = ['mon', 'allow profile osd', 'osd', 'allow *', 'mgr', 'allow profile osd']
  await writeFile(
    path.join(home, 'osd.0.keyring'),
    await ask('ceph', 'auth', 'get-or-create', 'osd.0', ...osdCaps),
  )
  await ask('ceph-osd', '-i', '0', '--mkfs', '--osd-uuid', osdId)
  await ask('ceph', 'osd', 'crush', 'add', 'osd.0', '1.0', 'host=localhost', 'root=default')
  const osd = daemon('ceph-osd', '-i', '0')
  await waitUntilReady('ceph-osd', osd, async () => {
    if (!(await ask('ceph', 'osd', 'stat')).includes('1 up')) throw new Error('osd.0 is not up')
  })

  const { accessKeyId, secretAccessKey } = keys
  const user = ['--uid=test', '--display-name=test', '--access-key', accessKeyId, '--secret', secretAccessKey]
  // The pools that making a user makes must exist before the gateway answers for it.
  await ask('radosgw-admin', 'user', 'create', ...user)
  const gateway = daemon('radosgw', '-n', 'client.admin')
  const endpoint = `http://127.0.0.1:${gatewayPort}`
  await waitUntilReady('radosgw', gateway, async () => {
    const answer = await fetch(endpoint, { signal: AbortSignal.timeout(2_000) })
    if (!answer.ok) throw new Error(`status ${answer.status}`)
  })

  const owned = started.move()
  return { endpoint, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

interface Place {
  home: string
  fsid: string
  monitorPort: number
  gatewayPort: number
}

// Authentication stays on: without it the gateway of this release hangs.
function configuration({ home, fsid, monitorPort, gatewayPort }: Place): string {
  return `[global]
fsid=${fsid}
keyring=${home}/$name.keyring
mon host=[v2:127.0.0.1:${monitorPort}]
mon initial members=a
osd pool default size=1
osd pool default min size=1
osd pool default pg num=4
osd pool default pgp num=4
osd pool default pg autoscale mode=off
osd crush chooseleaf type=0
mon allow pool size one=true
run dir=${home}/run
log file=${home}/log/$name.log
admin socket=${home}/run/$name.asok
pid file=${home}/run/$name.pid
ms bind ipv6=false
public addr=127.0.0.1
cluster addr=127.0.0.1
mon data avail crit=1
mon data avail warn=2
[mon.a]
mon data=${home}/mon
[osd]
osd data=${home}/osd/$id
osd objectstore=memstore
memstore device bytes=2147483648
[client.admin]
rgw frontends=beast endpoint=127.0.0.1:${gatewayPort}
rgw data=${home}/gateway
rgw dns name=${gatewayDomain}
`
}
