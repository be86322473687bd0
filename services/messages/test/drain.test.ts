import { openRpc } from '@parley/shared/rpc-client'
import { signUp } from '@parley/testing/chat-api'
import { expect, vi } from 'vitest'
import { startMessages } from '../src/service.ts'
import { test } from './fixture.ts'

test('P11 an instance that goes away is not ready, and answers sends until others have noticed', async ({
  config,
  api,
}) => {
  const ann = await signUp(api, 'ann')
  const ben = await signUp(api, 'ben')
  await using leaving = await startMessages({ ...config, http: { ...config.http, drainWaitMs: 1_000 } })
  await using rpc = openRpc({ baseUrl: leaving.internalUrl, secret: config.internalSecret })
  const readyStatus = async () => (await fetch(`${leaving.internalUrl}/readyz`)).status
  expect(await readyStatus()).toBe(200)

  const gone = leaving[Symbol.asyncDispose]()
  await vi.waitUntil(async () => (await readyStatus()) === 503)
  const { results } = await rpc.call('messages/send', {
    sends: [
      {
        userId: ann.userId as never,
        deviceId: ann.deviceId as never,
        draft: {
          clientMessageId: 'late',
          to: { userId: ben.userId as never },
          type: 'text',
          content: { text: 'still here' },
        },
      },
    ],
  })
  expect(results).toMatchObject([{ ok: true, data: { seq: 1 } }])
  await gone
  await expect(readyStatus()).rejects.toThrow('fetch failed')
})
