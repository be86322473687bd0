import type { ProcessName } from '@parley/local/stack'
import type { Entry } from '@parley/shared/entry'
import { describe, expect, vi } from 'vitest'
import { test } from './fixture.ts'

const burst = 1_000
const idsOf = (entries: Entry[]) => entries.map(({ clientMessageId }) => clientMessageId)

describe('kill -9 in the middle of a thousand messages', () => {
  test.for<ProcessName>(['gateway-1', 'gateway-2', 'messages', 'postgres', 'redis', 'push', 'media', 'edge'])(
    'P1 P3 P4 of %s leaves every acknowledged message in both logs, once, in the same order',
    async (victim, { stack, redis, friends: { ann, ben, annClient, benClient } }) => {
      const { conversationId } = await annClient.send(
        { userId: ben.userId },
        'text',
        { text: 'first' },
        'first',
      )
      // A device that has nothing of a conversation yet may be given only its newest entries.
      await vi.waitUntil(() => [annClient, benClient].every((client) => client.lastSeq(conversationId) === 1))
      const acked = new Map<string, number>([['first', 1]])
      const say = async (i: number) => {
        const [from, to] = i % 2 ? [annClient, ben] : [benClient, ann]
        const { seq } = await from.send({ userId: to.userId }, 'text', { text: String(i) }, `${victim}-${i}`)
        acked.set(`${victim}-${i}`, seq)
      }
      const sending = Promise.all(Array.from({ length: burst }, (_, i) => say(i)))
      await vi.waitUntil(() => acked.size > burst / 20, { interval: 1 })
      if (victim === 'redis') await redis.kill()
      else stack.kill(victim)
      await sending
      await stack.whenReady(victim)

      const highest = Math.max(...acked.values())
      await vi.waitUntil(() =>
        [annClient, benClient].every((client) => client.lastSeq(conversationId) >= highest),
      )
      const [hers, his] = [annClient.entries(conversationId), benClient.entries(conversationId)]
      expect(hers.map(({ seq }) => seq)).toEqual(hers.map((_, i) => i + 1))
      expect(idsOf(his)).toEqual(idsOf(hers))
      expect(new Set(idsOf(hers)).size).toBe(hers.length)
      for (const [id, seq] of acked) expect(hers[seq - 1]?.clientMessageId).toBe(id)
    },
  )
})
