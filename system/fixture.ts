import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { findFreePorts } from '@parley/local/ports'
import { startStack } from '@parley/local/stack'
import { createApi, type Person, signUp } from '@parley/testing/chat-api'
import { ChatClient } from '@parley/testing/chat-client'
import { operatorTokenEnv } from '@parley/testing/operator-token'
import { test as base } from 'vitest'

/** The whole product as `npm start` runs it, each part a process of its own, once per test file. */
export const test = base
  /** What a test file sets beside the rest. */
  .extend('env', { scope: 'file' }, (): Record<string, string> => ({}))
  .extend('stack', { scope: 'file' }, async ({ env }, { onCleanup }) => {
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
      ...env,
    }
    return opened.use(await startStack({ stateDir, ports: await findFreePorts(), overrides }))
  })
  .extend('api', { scope: 'file' }, ({ stack }) => createApi(stack.urls.app))
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
