import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { findFreePorts } from '@parley/local/ports'
import { startStack } from '@parley/local/stack'
import { createApi, type Person, signUp } from '@parley/testing/chat-api'
import { ChatClient } from '@parley/testing/chat-client'
import { operatorTokenEnv } from '@parley/testing/operator-token'
import type { ReceivedPush } from '@parley/testing/push-simulator-log'
import { chooseRedis, wipe } from '@parley/testing/redis'
import { test as base } from 'vitest'
import { startOtherRedis } from './other-redis.ts'

/** The whole product as `npm start` runs it, each part a process of its own, once per test file. */
export const test = base
  /** What a test file sets beside the rest. */
  .extend('env', { scope: 'file' }, (): Record<string, string> => ({}))
  /** What PARLEY_TEST_REDIS asks for in the place of the stack's own. */
  .extend('otherRedis', { scope: 'file' }, async ({}, { onCleanup }) => {
    const redis = await startOtherRedis(chooseRedis())
    onCleanup(() => redis?.[Symbol.asyncDispose]())
    return redis
  })
  .extend('stack', { scope: 'file' }, async ({ env, otherRedis }, { onCleanup }) => {
    const opened = new AsyncDisposableStack()
    onCleanup(() => opened.disposeAsync())
    const stateDir = await mkdtemp(path.join(tmpdir(), 'parley-system-'))
    opened.defer(() => rm(stateDir, { recursive: true, force: true }))
    const overrides = {
      PASSWORD_SCRYPT_COST: '10',
      SENDS_PER_SECOND: '10000',
      SENDS_BURST: '10000',
      REQUESTS_PER_SECOND: '10000',
      REQUESTS_BURST: '10000',
      ACK_WAIT_MS: '1500',
      // On a machine that is busy with tests, typing and presence would be left out.
      SHED_LAG_MS: '10000',
      ...operatorTokenEnv,
      ...(otherRedis ? { REDIS_URL: otherRedis.url } : {}),
      ...env,
    }
    return opened.use(await startStack({ stateDir, ports: await findFreePorts(), overrides }))
  })
  .extend('redis', { scope: 'file' }, ({ stack, otherRedis }) => ({
    url: otherRedis?.url ?? stack.urls.redis,
    wipe: otherRedis?.wipe ?? (() => wipe(stack.urls.redis)),
    /** The server alone, which comes back, or the primary, which another one takes the place of. */
    kill: otherRedis?.kill ?? (async () => stack.kill('redis')),
  }))
  .extend('api', { scope: 'file' }, ({ stack }) => createApi(stack.urls.app))
  /** What the providers' simulators took for a token. */
  .extend('pushesTo', ({ stack }) => async (token: string): Promise<ReceivedPush[]> => {
    const response = await fetch(stack.urls.inspector ?? '', { headers: { accept: 'application/json' } })
    const { pushes } = (await response.json()) as { pushes: ReceivedPush[] }
    return pushes.filter((push) => push.token === token && push.status === 200)
  })
  .extend('connect', ({}, { onCleanup }) => {
    const clients: ChatClient[] = []
    onCleanup(async () => void (await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()))))
    return (person: Person, url: string, transports?: ('websocket' | 'polling')[]) => {
      const client = new ChatClient({ url, token: () => person.token, ...(transports ? { transports } : {}) })
      clients.push(client)
      return client.connected()
    }
  })
  .extend('friends', async ({ api, stack, connect }) => {
    const [ann, ben] = [await signUp(api, 'ann'), await signUp(api, 'ben')]
    const [first, second] = stack.urls.gateways
    return { ann, ben, annClient: await connect(ann, first), benClient: await connect(ben, second) }
  })
