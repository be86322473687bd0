import { spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type { Alert, DueDevice, DueQuery } from '@parley/shared/delivery'
import { type ConversationId, type DeviceId, messageIdOf, type UserId } from '@parley/shared/ids'
import { openQueue } from '@parley/shared/jobs'
import { createLogger } from '@parley/shared/log'
import { chatPush } from '@parley/shared/queues'
import { openRedis } from '@parley/shared/redis'
import { findFreePort } from '@parley/testing/free-port'
import { startInternalPeer } from '@parley/testing/internal-peer'
import { startPrivateRedis } from '@parley/testing/redis'

const usersPerJob = 500
const conversationId = 'g-bench' as ConversationId

/** The push service by itself: real queue, ledger and connection, and a stand-in that says at once who is due. */
export interface LonePush extends AsyncDisposable {
  pid: number
  /** Queues jobs for so many people. */
  add: (recipients: number) => Promise<void>
  /** How many outcomes have been reported. */
  reported: () => number
}

export async function startLonePush(env: Record<string, string>): Promise<LonePush> {
  await using opened = new AsyncDisposableStack()
  let seq = 0
  let reported = 0
  const peer = opened.use(
    await startInternalPeer({
      secret: 'a stand-in for messages',
      handlers: {
        'deliveries/due': (query) => ({
          alerts: [alertOf(query)],
          deliveries: query.userIds.map(deviceOf(query)),
          more: [],
          asOf: '0',
        }),
        'deliveries/report': ({ outcomes }) => {
          reported += outcomes.length
          return {}
        },
      },
    }),
  )
  const redis = opened.use(await startPrivateRedis())
  const internalPort = String(await findFreePort())
  const main = path.resolve(import.meta.dirname, '../../../../services/push/src/main.ts')
  const child = spawn(process.execPath, [main], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: {
      ...env,
      INTERNAL_PORT: internalPort,
      INTERNAL_SECRET: 'a stand-in for messages',
      MESSAGES_URLS: peer.url,
      REDIS_URL: redis.url,
    },
  })
  opened.defer(async () => {
    child.kill()
    await once(child, 'exit')
  })
  while (!(await isReady(internalPort))) await wait(100)
  const log = createLogger('bench', { level: 'error' })
  const client = opened.adopt(openRedis({ url: redis.url }, log), (it) => it.disconnect())
  const queue = opened.use(openQueue(chatPush, client, log))
  const owned = opened.move()
  return {
    pid: child.pid ?? 0,
    reported: () => reported,
    async add(recipients) {
      seq++
      const users = Array.from({ length: recipients }, (_, i) => `away-${i}` as UserId)
      const jobs = Array.from({ length: Math.ceil(recipients / usersPerJob) }, (_, i) => ({
        id: `bench_${seq}_${i}`,
        data: {
          conversationId,
          firstSeq: seq,
          lastSeq: seq,
          userIds: users.slice(i * usersPerJob, (i + 1) * usersPerJob),
        },
      }))
      await queue.add(jobs)
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

async function isReady(port: string): Promise<boolean> {
  const answer = await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => undefined)
  return answer?.ok ?? false
}

const deviceOf =
  ({ lastSeq }: DueQuery) =>
  (userId: UserId): DueDevice => ({
    userId,
    deviceId: 'phone' as DeviceId,
    platform: 'ios',
    token: {
      kind: 'apns',
      value: Buffer.from(userId.padEnd(32, '-')).toString('hex'),
      environment: 'production',
      updatedAt: '2026-01-01T00:00:00.000Z',
    },
    badge: lastSeq,
    alerts: [0],
  })

const alertOf = ({ lastSeq }: DueQuery): Alert => ({
  messageId: messageIdOf(conversationId, lastSeq),
  seq: lastSeq,
  title: 'Crowd',
  body: 'speaker: The quick brown fox jumps over the lazy dog',
  sentAt: new Date().toISOString(),
  audible: true,
})
