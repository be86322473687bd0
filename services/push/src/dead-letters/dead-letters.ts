import type { PushOutcome } from '@parley/shared/delivery'
import { ConversationId, DeviceId, UserId } from '@parley/shared/ids'
import type { RedisClient } from '@parley/shared/redis'
import { Gauge, type Registry } from 'prom-client'
import { z } from 'zod'

const DeadLetter = z.object({
  conversationId: ConversationId,
  seq: z.int().positive(),
  userId: UserId,
  deviceId: DeviceId,
  /** Of a later release it may be one that is not known here. */
  kind: z.string(),
  reason: z.string(),
})

/** A push that was given up: who was not told of what, and why. The text stays where it is, in the log. */
export type DeadLetter = z.output<typeof DeadLetter> & {
  id: string
  /** ISO 8601. */
  at: string
}

const key = 'parley:push:dead-letters'
/** The oldest make room; what became of each push is in Postgres as well (`push_attempt`). */
const maxLetters = 10_000

// Nothing that could be sent again: nobody gave credentials, or the token is not for this.
const notWorthKeeping = new Set(['not-configured', 'not-silent', 'calls-alone'])

/**
 * Pushes whose every try failed, the newest ten thousand, kept in Redis for an operator who has mended the cause.
 */
export function openDeadLetters(redis: RedisClient, registry: Registry) {
  new Gauge({
    name: 'parley_push_dead_letters',
    help: 'Pushes that were given up and are kept to be sent again. Every worker shows the same: take the highest.',
    registers: [registry],
    async collect() {
      this.reset()
      // Absent while Redis does not answer, not zero: a scrape must not fail because of it.
      const letters = await redis.xlen(key).catch(() => undefined)
      if (letters !== undefined) this.set(letters)
    },
  })
  return {
    async add(conversationId: ConversationId, outcomes: PushOutcome[]): Promise<void> {
      const dead = outcomes.filter(
        ({ result, reason = '', attempt }) => result === 'refused' && attempt && !notWorthKeeping.has(reason),
      )
      if (dead.length === 0) return
      const adding = redis.pipeline()
      for (const { userId, deviceId, kind, seq, reason = '' } of dead) {
        const letter = { conversationId, seq, userId, deviceId, kind, reason } satisfies z.input<
          typeof DeadLetter
        >
        adding.xadd(key, 'MAXLEN', '~', maxLetters, '*', 'letter', JSON.stringify(letter))
      }
      await adding.exec()
    },

    /** The newest first, from before a letter on. */
    async list({ before, limit }: { before?: string | undefined; limit: number }): Promise<DeadLetter[]> {
      const found = await redis.xrevrange(key, before ? `(${before}` : '+', '-', 'COUNT', limit)
      return found.map(([id, fields]) => toLetter(id, fields))
    },

    /** Those of the letters that are still there. */
    async find(ids: string[]): Promise<DeadLetter[]> {
      const found = await Promise.all(ids.map((id) => redis.xrange(key, id, id)))
      return found.flat().map(([id, fields]) => toLetter(id, fields))
    },

    async remove(ids: string[]): Promise<void> {
      if (ids.length > 0) await redis.xdel(key, ...ids)
    },
  }
}

export type DeadLetters = ReturnType<typeof openDeadLetters>

function toLetter(id: string, [, json = '']: string[]): DeadLetter {
  const at = new Date(Number.parseInt(id, 10)).toISOString()
  return { id, at, ...DeadLetter.parse(JSON.parse(json)) }
}
