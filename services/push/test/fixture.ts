import { randomUUID } from 'node:crypto'
import type { Delivery, DueReply, PushOutcome } from '@parley/shared/delivery'
import type { ConversationId, DeviceId, UserId } from '@parley/shared/ids'
import { messageIdOf } from '@parley/shared/ids'
import { openQueue } from '@parley/shared/jobs'
import { createLogger } from '@parley/shared/log'
import { chatPush } from '@parley/shared/queues'
import { openRedis } from '@parley/shared/redis'
import { type RpcHandlers, startInternalPeer } from '@parley/testing/internal-peer'
import { startPushSimulators } from '@parley/testing/push-simulators'
import { startPrivateRedis } from '@parley/testing/redis'
import { test as base } from 'vitest'
import { loadConfig } from '../src/config.ts'
import { startPush } from '../src/service.ts'

export const secret = 'a-secret-of-this-test'
export const log = createLogger('test', { level: 'silent' })

/** What the messages service is asked and told, per conversation. */
interface Asked {
  due: Delivery[]
  /** Each report, in order. */
  reports: PushOutcome[][]
}

/** A running push service with both providers simulated, on a Redis of its own, one per test file. */
export const test = base
  .extend('redisUrl', { scope: 'file' }, async ({}, { onCleanup }) => {
    const redis = await startPrivateRedis()
    onCleanup(() => redis[Symbol.asyncDispose]())
    return redis.url
  })
  .extend('providers', { scope: 'file' }, async ({}, { onCleanup }) => {
    const providers = await startPushSimulators()
    onCleanup(() => providers[Symbol.asyncDispose]())
    return providers
  })
  .extend('messages', { scope: 'file' }, async ({}, { onCleanup }) => {
    const asked = new Map<string, Asked>()
    const handlers: RpcHandlers = {
      'deliveries/due': ({ conversationId }) => dueReply(asked.get(conversationId)?.due ?? []),
      'deliveries/report': ({ conversationId, outcomes }) => {
        asked.get(conversationId)?.reports.push(outcomes)
        return {}
      },
    }
    const peer = await startInternalPeer({ secret, handlers })
    onCleanup(() => peer[Symbol.asyncDispose]())
    return { url: peer.url, asked, handlers }
  })
  .extend('env', { scope: 'file' }, async ({ redisUrl, providers, messages }) => ({
    INTERNAL_PORT: '0',
    LOG_LEVEL: 'silent',
    REDIS_URL: redisUrl,
    INTERNAL_SECRET: secret,
    // The first cannot be reached, so that every test also goes through the failover.
    MESSAGES_URLS: `http://127.0.0.1:1,${messages.url}`,
    ...providers.env,
  }))
  .extend('push', { scope: 'file' }, async ({ env }, { onCleanup }) => {
    const push = await startPush(loadConfig(env))
    onCleanup(() => push[Symbol.asyncDispose]())
    return push
  })
  .extend('queue', { scope: 'file' }, async ({ redisUrl }, { onCleanup }) => {
    const redis = openRedis({ url: redisUrl }, log)
    const queue = openQueue(chatPush, redis, log)
    onCleanup(async () => {
      await queue[Symbol.asyncDispose]()
      redis.disconnect()
    })
    return queue
  })
  .extend('conversation', async ({ messages, queue }) => {
    const id = `g-${randomUUID()}` as ConversationId
    const asked: Asked = { due: [], reports: [] }
    messages.asked.set(id, asked)
    const job = { conversationId: id, firstSeq: 1, lastSeq: 1, userIds: ['ann' as UserId] }
    return {
      id,
      asked,
      job,
      /** Makes these due and asks for them. */
      async push(due: Delivery[]): Promise<void> {
        asked.due = due
        await queue.add([{ id: randomUUID(), data: job }])
      },
      outcomes: () => asked.reports.flat(),
    }
  })

/** As messages says it. */
export function dueReply(due: Delivery[]): DueReply {
  const alerts = due.flatMap((one) => one.alerts)
  const deliveries = due.map((one) => ({ ...one, alerts: one.alerts.map((alert) => alerts.indexOf(alert)) }))
  return { alerts, deliveries, more: [], asOf: '0' }
}

interface DeliveryOptions {
  conversationId: ConversationId
  kind?: Delivery['token']['kind']
  token?: string
  updatedAt?: Date
  seqs?: number[]
  body?: string
}

export function newToken(kind: Delivery['token']['kind'] = 'apns'): string {
  return kind === 'fcm' ? `fcm-${randomUUID()}` : randomUUID().replaceAll('-', '').repeat(2)
}

export function delivery({
  conversationId,
  kind = 'apns',
  token = newToken(kind),
  updatedAt = new Date(Date.now() - 60_000),
  seqs = [1],
  body = 'hello',
}: DeliveryOptions): Delivery {
  return {
    userId: 'ann' as UserId,
    deviceId: `device-${randomUUID()}` as DeviceId,
    platform: kind === 'fcm' ? 'android' : 'ios',
    token: { kind, value: token, environment: 'production', updatedAt: updatedAt.toISOString() },
    badge: 3,
    alerts: seqs.map((seq) => ({
      messageId: messageIdOf(conversationId, seq),
      seq,
      title: 'Bob',
      body,
      sentAt: new Date().toISOString(),
      audible: true,
    })),
  }
}

/** A run of a job as the queue hands it out; another `attempt` of the same id is the same job. */
export const jobInHand = (id: string, { attempt = 1, lastAttempt = false } = {}) => ({
  id,
  claim: `${id}@1`,
  attempt,
  lastAttempt,
})
