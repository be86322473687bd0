import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { findFreePorts } from '@parley/local/ports'
import { startStack } from '@parley/local/stack'
import { openQueue } from '@parley/shared/jobs'
import { createLogger } from '@parley/shared/log'
import { mediaProcessing } from '@parley/shared/queues'
import { createApi, logIn, signUp } from '@parley/testing/chat-api'
import { ChatClient } from '@parley/testing/chat-client'
import { Redis } from 'ioredis'
import { expect, test as base, vi } from 'vitest'
import { runCommand } from '../src/run-command.ts'

const test = base
  .extend('stack', { scope: 'file' }, async ({}, { onCleanup }) => {
    const opened = new AsyncDisposableStack()
    onCleanup(() => opened.disposeAsync())
    const stateDir = await mkdtemp(path.join(tmpdir(), 'parley-cli-'))
    opened.defer(() => rm(stateDir, { recursive: true, force: true }))
    const ports = await findFreePorts()
    const stack = opened.use(
      await startStack({ stateDir, ports, overrides: { PASSWORD_SCRYPT_COST: '10', DRAIN_MS: '200' } }),
    )
    const internal = [
      ports.messagesInternal,
      ports.mediaInternal,
      ports.pushInternal,
      ports.gateway1Internal,
      ports.gateway2Internal,
    ]
    const env = {
      PARLEY_NODES: internal.map((port) => `http://127.0.0.1:${port}`).join(','),
      INTERNAL_SECRET: stack.internalSecret,
    }
    return { ...stack, env }
  })
  .extend(
    'parley',
    { scope: 'file' },
    ({ stack }) =>
      (...args: string[]) =>
        runCommand(args, stack.env),
  )
  .extend('api', { scope: 'file' }, ({ stack }) => createApi(stack.urls.app))
  .extend('ann', async ({ api, stack }, { onCleanup }) => {
    const ann = await signUp(api, 'ann')
    const client = new ChatClient({ url: stack.urls.gateways[1], token: () => ann.token })
    onCleanup(() => client[Symbol.asyncDispose]())
    await client.connected()
    return { ...ann, client }
  })

test('doctor finds nothing wrong with a stack that is well, and says what it looked at', async ({
  parley,
}) => {
  const { data, failed, text } = await parley('doctor')
  expect(text).not.toContain('WRONG')
  expect(failed).toBe(false)
  const names = (data as { name: string }[]).map(({ name }) => name)
  expect(names).toEqual(
    expect.arrayContaining([
      'clock',
      'postgres',
      'redis',
      'migrations',
      'storage',
      'credentials',
      'messages',
    ]),
  )
})

test('status shows every node, and fails when one does not answer', async ({ stack, parley }) => {
  expect((await parley('status')).failed).toBe(false)
  await stack.stop('push')
  const { failed, text } = await parley('status')
  expect(failed).toBe(true)
  expect(text).toContain('does not answer')
  expect((await parley('doctor')).text).toContain('no node of it is known or answers')
  await stack.start('push')
})

test('P9 without the secret of the cluster nothing is shown and nothing is done', async ({ stack, ann }) => {
  const env = { ...stack.env, INTERNAL_SECRET: 'not the secret of this cluster' }
  expect((await runCommand(['status'], env)).text).not.toContain('ready')
  await expect(runCommand(['kick', ann.userId], env)).rejects.toMatchObject({ code: 'unavailable' })
  expect(ann.client.socket.connected).toBe(true)
})

test('connections says where a user is, and a broadcast reaches them', async ({ parley, ann }) => {
  expect((await parley('connections', ann.userId)).data).toMatchObject([
    { gateway: 'g2', deviceId: 'phone', transport: 'websocket' },
  ])
  await parley('broadcast', 'maintenance at noon')
  await vi.waitUntil(() => ann.client.events.some(({ name }) => name === 'system:notice'))
  expect(ann.client.events.find(({ name }) => name === 'system:notice')?.payload).toMatchObject({
    text: 'maintenance at noon',
  })
})

test('P9 a kick ends sessions everywhere; a suspension also keeps the user out', async ({
  parley,
  api,
  ann,
}) => {
  await parley('kick', ann.userId)
  await vi.waitUntil(() => !ann.client.socket.connected)
  await expect(logIn(api, ann.userId)).resolves.toMatchObject({ userId: ann.userId })
  await parley('suspend', ann.userId, 'spam')
  await expect(logIn(api, ann.userId)).rejects.toThrow('account_suspended')
  await parley('restore', ann.userId)
  await expect(logIn(api, ann.userId)).resolves.toMatchObject({ userId: ann.userId })
  await expect(parley('suspend', 'nobody-at-all')).rejects.toMatchObject({ code: 'not_found' })
})

test('a job that failed for good is shown with its reason, and goes back to work', async ({
  stack,
  parley,
}) => {
  const redis = new Redis(stack.urls.redis)
  await using queue = openQueue(mediaProcessing, redis, createLogger('test', { level: 'silent' }))
  await queue.add([{ id: 'broken', data: { mediaId: 7 as never } }])
  const failed = async () =>
    (await parley('failed', 'media-process')).data as { id: string; reason: string }[]
  await vi.waitUntil(async () => (await failed()).length > 0)
  const [dead] = await failed()
  expect(dead).toMatchObject({ id: 'broken', reason: expect.stringContaining('mediaId') })
  expect((await parley('retry', 'media-process', 'broken')).data).toEqual({ retried: 1 })
  expect((await parley('queues')).text).toContain('media-process')
  await expect(parley('retry', 'media-process', 'no-such-job')).rejects.toMatchObject({ code: 'not_found' })
  await expect(parley('failed', 'no-such-queue')).rejects.toMatchObject({ code: 'not_found' })
  redis.disconnect()
})

test('P12 a test alert says what became of it; a push that was given up is listed and sent once more', async ({
  stack,
  parley,
  ann,
  api,
}) => {
  expect((await parley('push', ann.userId)).text).toContain('no device to push to')
  const token = 'ab'.repeat(32)
  const binding = { kind: 'apns', token, environment: 'sandbox', topic: 'dev.parley.cli' }
  expect((await api.put('/v1/devices/current/push', binding, ann.token)).status).toBeLessThan(300)
  expect((await parley('push', ann.userId)).text).toMatch(/apns sandbox +send +accepted/)
  expect((await parley('push', ann.userId, 'another')).text).toContain('no device to push to')

  expect((await parley('letters')).text).toBe('no push was given up')
  const redis = new Redis(stack.urls.redis)
  const letter = {
    conversationId: 'g-nowhere',
    seq: 1,
    userId: ann.userId,
    deviceId: 'phone',
    kind: 'apns',
    reason: 'BadTopic',
  }
  const id = await redis.xadd('parley:push:dead-letters', '*', 'letter', JSON.stringify(letter))
  redis.disconnect()
  expect((await parley('letters')).text).toMatch(/g-nowhere\.1 .*phone apns +BadTopic/)
  expect((await parley('replay', id ?? '')).text).toBe('not-due')
  await expect(parley('replay', 'nothing')).rejects.toMatchObject({ code: 'invalid_request' })
})

test('P11 a gateway that is drained by command sends its sockets elsewhere and takes none', async ({
  stack,
  parley,
  ann,
}) => {
  expect((await parley('drain', 'g2')).data).toMatchObject({ leaving: expect.any(Number) })
  await vi.waitUntil(() => ann.client.events.some(({ name }) => name === 'session:draining'))
  await vi.waitUntil(async () => (await parley('connections', ann.userId)).text.includes('not connected'))
  expect((await parley('status')).text).toContain('going away')
  await stack.restart('gateway-2')
  expect((await parley('status')).failed).toBe(false)
  await expect(parley('drain', 'g9')).rejects.toThrow('g1, g2')
})

test.for(['', 'frobnicate', 'kick', 'kick a b', 'status --loud'])(
  'P10 "parley %s" is answered with how it is meant',
  async (line, { stack }) => {
    const args = line.split(' ').filter((arg) => arg !== '')
    await expect(runCommand(args, stack.env)).rejects.toMatchObject({ name: 'UsageError' })
  },
)
