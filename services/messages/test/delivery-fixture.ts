import { randomUUID as uuid } from 'node:crypto'
import type { DueQuery } from '@parley/shared/delivery'
import { startWorker } from '@parley/shared/jobs'
import { createLogger } from '@parley/shared/log'
import { chatPush, withdrawal } from '@parley/shared/queues'
import type { Api, Person } from '@parley/testing/chat-api'
import { Redis } from 'ioredis'
import type { z } from 'zod'
import { test as base } from './fixture.ts'

export type WithdrawalJob = z.output<typeof withdrawal.data>

const log = createLogger('test', { level: 'silent' })

/** With the push queue's jobs as they come, and what is said on Redis channels. */
export const test = base
  .extend('jobs', { scope: 'file' }, async ({ redisUrl }, { onCleanup }) => {
    const opened = new AsyncDisposableStack()
    onCleanup(() => opened.disposeAsync())
    const connection = opened.adopt(new Redis(redisUrl, { maxRetriesPerRequest: null }), (client) =>
      client.disconnect(),
    )
    const jobs: Omit<DueQuery, 'claim'>[] = []
    opened.use(startWorker(chatPush, { connection, log }, async (data) => void jobs.push(data)))
    return jobs
  })
  .extend('withdrawn', { scope: 'file' }, async ({ redisUrl }, { onCleanup }) => {
    const opened = new AsyncDisposableStack()
    onCleanup(() => opened.disposeAsync())
    const connection = opened.adopt(new Redis(redisUrl, { maxRetriesPerRequest: null }), (client) =>
      client.disconnect(),
    )
    const jobs: WithdrawalJob[] = []
    opened.use(startWorker(withdrawal, { connection, log }, async (data) => void jobs.push(data)))
    return jobs
  })

export async function say(api: Api, from: Person, to: Person, body = 'hi') {
  const draft = { clientMessageId: uuid(), to: { userId: to.userId }, type: 'text', content: { text: body } }
  const { body: sent } = await api.post('/v1/messages', draft, from.token)
  return sent as unknown as { conversationId: string; seq: number; messageId: string }
}

export const bind = (api: Api, who: Person, token: string = uuid()) =>
  api.put('/v1/devices/current/push', { kind: 'fcm', token }, who.token)
