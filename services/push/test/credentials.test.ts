import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createApnsCredentials } from '@parley/testing/apns-simulator'
import { startPushSimulators } from '@parley/testing/push-simulators'
import { describe, expect } from 'vitest'
import { readCredentialFiles } from '../src/credentials/credential-files.ts'
import { keepCredentials } from '../src/credentials/keep-credentials.ts'
import { createPushMetrics } from '../src/metrics.ts'
import { chooseSet, openProviders } from '../src/providers/providers.ts'
import { log } from './fixture.ts'
import { push, test as base } from './provider-fixture.ts'

const test = base
  .extend('simulators', { scope: 'file' }, async ({}, { onCleanup }) => {
    const simulators = await startPushSimulators()
    onCleanup(() => simulators[Symbol.asyncDispose]())
    return simulators
  })
  /** A folder as Kubernetes mounts a secret: files are links into a folder that is swapped as a whole. */
  .extend('mount', async ({}, { onCleanup }) => {
    const folder = await mkdtemp(path.join(tmpdir(), 'parley-mount-'))
    onCleanup(() => rm(folder, { recursive: true }))
    let version = 0
    const linked = new Set<string>()
    return {
      folder,
      async put(files: Record<string, string>): Promise<void> {
        const data = `..version-${++version}`
        await mkdir(path.join(folder, data))
        for (const [name, text] of Object.entries(files)) await writeFile(path.join(folder, data, name), text)
        await symlink(data, path.join(folder, '..data-next'))
        await rename(path.join(folder, '..data-next'), path.join(folder, '..data'))
        for (const name of linked) if (!(name in files)) await rm(path.join(folder, name))
        for (const name of Object.keys(files)) {
          if (!linked.has(name)) await symlink(path.join('..data', name), path.join(folder, name))
          linked.add(name)
        }
      },
    }
  })
  .extend('kept', async ({ redis, mount }, { onCleanup }) => {
    const stack = new AsyncDisposableStack()
    onCleanup(() => stack.disposeAsync())
    return async () => {
      const metrics = createPushMetrics()
      const providers = stack.use(openProviders({ redis, log, metrics }))
      const read = () => readCredentialFiles(mount.folder)
      const kept = stack.use(await keepCredentials({ read, users: [providers], log, metrics, everyMs: 20 }))
      const metric = async () =>
        (await metrics.registry.getSingleMetricAsString('parley_push_credentials'))
          .split('\n')
          .filter((line) => line.startsWith('parley_push_credentials{'))
          .map((line) => /credentials="([^"]*)".*state="([^"]*)"/.exec(line)?.slice(1, 3).join(' '))
      return { providers, list: kept.list, metric }
    }
  })

const apns = (
  simulators: { apns: { url: string; ca: string; credentials: object } },
  changes: object = {},
) => {
  const { url, ca, credentials } = simulators.apns
  return JSON.stringify({ provider: 'apns', ...credentials, url, ca, topic: 'dev.parley.app', ...changes })
}

describe('credentials in files', () => {
  test('that change are used from then on, without a restart', async ({ simulators, mount, kept }) => {
    const revoked = createApnsCredentials()
    await mount.put({ 'apple.json': apns(simulators, { ...revoked, keyId: 'REVOKED123' }) })
    const { providers, list } = await kept()
    const send = () => providers.for('apns').send(push('apns'))
    expect(await send()).toMatchObject({ result: 'refused', reason: 'InvalidProviderToken' })
    expect(await send()).toMatchObject({ result: 'retry', reason: 'paused' })
    await mount.put({
      'apple.json': apns(simulators),
      'browsers.json': JSON.stringify(simulators.webPush.credentials),
    })
    await expect.poll(() => list().map(({ name }) => name)).toEqual(['apple', 'browsers'])
    // Nothing is left of the rest that the revoked key was given.
    expect(await send()).toMatchObject({ result: 'accepted' })
  })

  test('that stay as they are keep their connection when others change', async ({
    simulators,
    mount,
    kept,
  }) => {
    await mount.put({ 'apple.json': apns(simulators) })
    const { providers, list } = await kept()
    const send = async () => {
      expect(await providers.for('apns').send(push('apns'))).toMatchObject({ result: 'accepted' })
      return simulators.apns.received().at(-1)?.connection
    }
    const before = await send()
    await mount.put({
      'apple.json': apns(simulators),
      'huawei.json': JSON.stringify(simulators.huawei.credentials),
    })
    await expect.poll(() => list()).toHaveLength(2)
    expect(await send()).toBe(before)
  })

  test('of which one is wrong leave the others working, and say which, without a value', async ({
    simulators,
    mount,
    kept,
  }) => {
    await mount.put({
      'apple.json': apns(simulators),
      'firebase.json': '{"provider":"fcm","serviceAccount":{"private_key":"secret-of-this-test"}}',
      'torn.json': '{"provider":"huawei","clientSecret":"secret-of-this-te',
      'no-such.json': '{"provider":"pigeon"}',
      'README.md': 'not a set',
    })
    const { providers, list, metric } = await kept()
    expect(list()).toMatchObject([
      { name: 'apple', state: 'loaded', provider: 'apns' },
      { name: 'firebase', state: 'broken' },
      { name: 'no-such', state: 'broken' },
      { name: 'torn', state: 'broken', problem: 'not JSON' },
    ])
    expect(JSON.stringify(list())).not.toContain('secret-of-this-te')
    expect(await metric()).toEqual(['apple loaded', 'firebase broken', 'no-such broken', 'torn broken'])
    expect(await providers.for('apns').send(push('apns'))).toMatchObject({ result: 'accepted' })
  })

  test('that become unreadable go on as they were until they are mended', async ({
    simulators,
    mount,
    kept,
  }) => {
    await mount.put({ 'apple.json': apns(simulators) })
    const { providers, list, metric } = await kept()
    await mount.put({ 'apple.json': apns(simulators, { privateKey: 'torn' }) })
    await expect.poll(() => list()).toMatchObject([{ name: 'apple', state: 'stale' }])
    expect(await metric()).toEqual(['apple stale'])
    expect(await providers.for('apns').send(push('apns'))).toMatchObject({ result: 'accepted' })
    await mount.put({ 'apple.json': apns(simulators) })
    await expect.poll(() => list()).toMatchObject([{ name: 'apple', state: 'loaded' }])
  })

  test('of a folder that cannot be read go on as they were', async ({ simulators, mount, kept }) => {
    await mount.put({ 'apple.json': apns(simulators) })
    const { providers, list } = await kept()
    await rename(mount.folder, `${mount.folder}-away`)
    await expect.poll(() => list()).toMatchObject([{ name: 'apple', state: 'stale' }])
    expect(await providers.for('apns').send(push('apns'))).toMatchObject({ result: 'accepted' })
    await rename(`${mount.folder}-away`, mount.folder)
    await expect.poll(() => list()).toMatchObject([{ name: 'apple', state: 'loaded' }])
  })

  test('that are taken away are used no more', async ({ simulators, mount, kept }) => {
    await mount.put({ 'apple.json': apns(simulators) })
    const { providers, list } = await kept()
    await mount.put({})
    await expect.poll(list).toEqual([])
    expect(await providers.for('apns').send(push('apns'))).toEqual({
      result: 'refused',
      reason: 'not-configured',
    })
  })

  test('that the provider refuses stop only their own set', async ({ simulators, mount, kept }) => {
    await mount.put({
      'good.json': apns(simulators),
      'revoked.json': apns(simulators, { keyId: 'REVOKED123', topics: ['com.other.app'] }),
    })
    const { providers } = await kept()
    const other = () => providers.for('apns').send(push('apns', { topic: 'com.other.app' }))
    expect(await other()).toMatchObject({ result: 'refused', reason: 'InvalidProviderToken' })
    expect(await other()).toMatchObject({ result: 'retry', reason: 'paused' })
    expect(await providers.for('apns').send(push('apns'))).toMatchObject({ result: 'accepted' })
  })
})

describe('the set for a token', () => {
  const set = (name: string, topics?: string[], environment: 'production' | 'sandbox' = 'production') => ({
    set: { name, provider: 'apns' as const, topics, environment },
  })
  const all = [set('one', ['app.one']), set('others'), set('one-sandbox', ['app.one'], 'sandbox')]

  test.for([
    ['app.one', 'production', 'one'],
    ['app.one.voip', 'production', 'one'],
    ['app.two', 'production', 'others'],
    [undefined, 'production', 'others'],
    ['app.one', 'sandbox', 'one-sandbox'],
    ['app.two', 'sandbox', undefined],
    // The only one there is.
    [undefined, 'sandbox', 'one-sandbox'],
  ] as const)('A3.2 of the app %s in %s is %s', ([topic, environment, expected]) => {
    const chosen = chooseSet(all, 'apns', { environment, ...(topic ? { topic } : {}) })
    expect(chosen?.set.name).toBe(expected)
  })
})
