import { expect, vi } from 'vitest'
import { loadConfig } from '../src/config.ts'
import { startPush } from '../src/service.ts'
import { delivery, dueReply, test } from './fixture.ts'

test('finishes the job in hand before it stops, and is not ready meanwhile', async ({
  env,
  providers,
  messages,
  conversation,
}) => {
  const due = messages.handlers['deliveries/due']
  const asked = Promise.withResolvers<void>()
  const go = Promise.withResolvers<void>()
  messages.handlers['deliveries/due'] = async (request) => {
    if (request.conversationId === conversation.id) {
      asked.resolve()
      await go.promise
    }
    return due?.(request) ?? dueReply([])
  }
  const one = delivery({ conversationId: conversation.id })
  const stopping = await startPush(loadConfig(env))
  await conversation.push([one])
  await asked.promise
  const stopped = stopping[Symbol.asyncDispose]()
  await vi.waitUntil(async () => (await fetch(`${stopping.internalUrl}/readyz`)).status === 503)
  go.resolve()
  await stopped
  messages.handlers['deliveries/due'] = due ?? (() => dueReply([]))
  await expect.poll(conversation.outcomes).toMatchObject([{ result: 'accepted' }])
  expect(providers.apns.received().map(({ token }) => token)).toEqual([one.token.value])
})
