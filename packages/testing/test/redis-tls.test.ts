import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { createLogger } from '@parley/shared/log'
import { connectSoon, openRedis } from '@parley/shared/redis'
import { openSubscriber } from '@parley/shared/subscriber'
import { expect, test as base, vi } from 'vitest'
import { createCertificate } from '../src/certificates.ts'
import { startRedisCluster } from '../src/redis-cluster.ts'
import { redisPassword, startRedisNode } from '../src/redis-node.ts'
import { startRedisSentinels } from '../src/redis-sentinels.ts'

const log = createLogger('test', { level: 'silent' })

/** Trusted by this process as `NODE_EXTRA_CA_CERTS` would have it. */
const test = base.extend('certificate', { scope: 'file' }, async ({}, { onCleanup }) => {
  const made = await createCertificate()
  const usual = getCACertificates('default')
  setDefaultCACertificates([...usual, made.ca])
  onCleanup(() => setDefaultCACertificates(usual))
  return made
})

type Certificate = Awaited<ReturnType<typeof createCertificate>>
const starts = {
  async rediss(certificate: Certificate) {
    const node = await startRedisNode({ flags: [], password: redisPassword, certificate })
    return { ...node, url: `rediss://:${redisPassword}@127.0.0.1:${node.port}` }
  },
  'rediss+cluster': (certificate: Certificate) => startRedisCluster({ certificate }),
  'rediss+sentinel': (certificate: Certificate) => startRedisSentinels({ certificate }),
}

test.for(Object.entries(starts))(
  '%s:// is spoken and heard over TLS by who trusts the certificate, and by nobody else',
  async ([scheme, start], { certificate }) => {
    await using server = await start(certificate)
    expect(server.url.startsWith(`${scheme}://`)).toBe(true)
    await using opened = new AsyncDisposableStack()
    const client = opened.adopt(openRedis({ url: server.url }, log), (it) => it.disconnect())
    await connectSoon(client)
    const keys = ['parley:one', 'parley:two', 'parley:three', 'parley:four']
    for (const key of keys) await client.set(key, key)
    expect(await Promise.all(keys.map((key) => client.get(key)))).toEqual(keys)

    const subscriber = opened.use(openSubscriber({ url: server.url }, log))
    const heard: string[] = []
    subscriber.on('smessageBuffer', (channel) => heard.push(channel.toString()))
    for (const key of keys) subscriber.ssubscribe(key)
    await vi.waitUntil(() => keys.every((key) => subscriber.hears(key)))
    for (const key of keys) await client.spublish(key, 'word')
    await vi.waitUntil(() => keys.every((key) => heard.includes(key)))

    setDefaultCACertificates([])
    try {
      const stranger = opened.adopt(openRedis({ url: server.url, use: 'publish' }, log), (it) =>
        it.disconnect(),
      )
      await connectSoon(stranger)
      expect(stranger.status).not.toBe('ready')
    } finally {
      setDefaultCACertificates([...getCACertificates('bundled'), certificate.ca])
    }
  },
)
