import { randomUUID as uuid } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { setTimeout as wait } from 'node:timers/promises'
import { expect, vi } from 'vitest'
import { test as base } from './fixture.ts'

/** The operator's own back end, which allows everything and takes a different time to say so, as long as it is well. */
const test = base
  .extend('hook', { scope: 'file' }, async ({}, { onCleanup }) => {
    let asked = 0
    let isWell = true
    async function allow(request: IncomingMessage, response: ServerResponse): Promise<void> {
      const { data } = (await json(request)) as { data: { messages: unknown[] } }
      asked += data.messages.length
      await wait(Math.random() * 20)
      if (!isWell) response.statusCode = 500
      response.end(JSON.stringify({ verdicts: data.messages.map(() => ({ allow: true })) }))
    }
    const server = createServer((request, response) => void allow(request, response))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onCleanup(() => {
      server.closeAllConnections()
      server.close()
    })
    const { port } = server.address() as AddressInfo
    return { url: `http://127.0.0.1:${port}/`, asked: () => asked, fail: () => void (isWell = false) }
  })
  .extend('env', { scope: 'file' }, ({ hook }) => ({
    BEFORE_SEND_URL: hook.url,
    BEFORE_SEND_SECRETS: `whsec_${Buffer.alloc(32, 1).toString('base64')}`,
    BEFORE_SEND_FAILURE: 'closed',
    BEFORE_SEND_DEADLINE_MS: '5000',
  }))

test('P3 what one device sends one after the other keeps its order, whatever the hook takes for each question', async ({
  hook,
  friends: { ben, annClient, benClient },
}) => {
  const texts = Array.from({ length: 300 }, (_, i) => String(i))
  const replies = await Promise.all(
    texts.map((text) =>
      annClient.ask<{ conversationId: string }>('message:send', {
        clientMessageId: uuid(),
        to: { userId: ben.userId },
        type: 'text',
        content: { text },
      }),
    ),
  )
  expect(replies.filter(({ ok }) => !ok)).toEqual([])
  const [first] = replies
  const conversationId = first?.ok ? first.data.conversationId : ''
  await vi.waitUntil(() => benClient.lastSeq(conversationId) === texts.length)
  expect(benClient.entries(conversationId).map(({ content }) => content)).toEqual(
    texts.map((text) => ({ text })),
  )
  expect(hook.asked()).toBe(texts.length)
})

test('P10 a send that the hook cannot judge is answered at once, and asked about once', async ({
  hook,
  friends: { ben, annClient },
}) => {
  const before = hook.asked()
  hook.fail()
  const reply = await annClient.ask('message:send', {
    clientMessageId: uuid(),
    to: { userId: ben.userId },
    type: 'text',
    content: { text: 'Is anybody there?' },
  })
  expect(reply).toMatchObject({ ok: false, error: { code: 'unavailable', retryable: true } })
  expect(hook.asked() - before).toBe(1)
})
