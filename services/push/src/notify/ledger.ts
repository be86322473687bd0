import { randomUUID } from 'node:crypto'
import { AppError } from '@parley/shared/errors'
import type { RedisClient } from '@parley/shared/redis'
import { z } from 'zod'

/** What became of a push for good. */
const Settled = z.object({
  result: z.enum(['accepted', 'dropped-token', 'refused']),
  reason: z.string().exactOptional(),
  /** With `dropped-token`: ISO 8601. */
  since: z.string().exactOptional(),
  /** Of the token that failed, for the push may still go to the next one. */
  tokenHash: z.string().exactOptional(),
})
export type Settled = z.output<typeof Settled>

/** What a job remembers of a push it will try again. */
const Held = z.object({
  claim: z.string(),
  attempts: z.int(),
  /** Milliseconds since the epoch. */
  notBefore: z.number(),
  reason: z.string(),
  /** It may have arrived already. */
  maybeShown: z.boolean(),
})
export type Held = Omit<z.output<typeof Held>, 'claim'>

export type LedgerEntry =
  /** This job may send it, for the first time. */
  | { kind: 'ours' }
  /** This job tried it before; `interrupted` if it was stopped on the way and nobody knows how far it came. */
  | { kind: 'again'; held: Held }
  /** Another job is sending it, or waits to send it again. */
  | { kind: 'elsewhere' }
  | { kind: 'settled'; settled: Settled }

// Longer than a job holds a push in one attempt. A worker that was killed needs no end of it: its job comes
// back under its own name.
const claimMs = 5 * 60_000
const retryMarginMs = 2 * 60_000
// Longer than messages takes to be told, after which the push is no longer due.
const settledMs = 60 * 60_000
const idsPerCall = 500
// What is settled is written in handfuls. One that its worker took with it is found interrupted, and sent again
// without sound.
const handful = 50

const claimScript = `
local found = {}
for i, key in ipairs(KEYS) do
  found[i] = redis.call('get', key) or ''
  local isHeld = string.sub(found[i], 1, #ARGV[3]) == ARGV[3]
  if found[i] == '' or isHeld then redis.call('set', key, ARGV[1], 'PX', ARGV[2]) end
end
return found`

const writeScript = `
for _, key in ipairs(KEYS) do redis.call('set', key, ARGV[1], 'PX', ARGV[2]) end
return 0`

interface Write {
  id: string
  value: string
  ttlMs: number
}

/**
 * Who is sending a push and what became of it, by push id, for all jobs and workers. A push can be asked for
 * more than once: by a job that is tried again, by one whose worker was killed, and by another job made from
 * the watermarks because the user is still untold. This is what keeps it at one alert.
 */
export function openLedger(redis: RedisClient, scope: string, claim: string) {
  // All keys of a job in one slot of a Redis Cluster, so that a script may touch them together.
  const keyOf = (id: string) => `parley:push:{${scope}}:${id}`
  // A run that finds the mark of an earlier one of the same job knows that it was interrupted.
  const mark = `${claim} ${randomUUID()}`

  let waiting: Write[] = []
  let writing: Promise<void> | undefined
  let failure: AppError | undefined

  function write(entry: Write): void {
    waiting.push(entry)
    if (waiting.length >= handful) writing ??= drain()
  }

  // One call under way at a time, and what comes meanwhile goes with the next.
  async function drain(): Promise<void> {
    try {
      while (waiting.length > 0) {
        // Nearly all say the same; and nothing is written twice in a run, so their order does not matter.
        const alike = Map.groupBy(waiting.splice(0, idsPerCall), ({ value, ttlMs }) => `${ttlMs} ${value}`)
        await Promise.all(alike.values().map(writeAlike))
      }
    } catch (cause) {
      failure = new AppError('unavailable', 'settled pushes could not be kept', { cause })
      waiting = []
    } finally {
      writing = undefined
    }
  }

  async function writeAlike(writes: Write[]): Promise<void> {
    const [first] = writes
    if (!first) return
    const keys = writes.map(({ id }) => keyOf(id))
    await redis.eval(writeScript, keys.length, ...keys, first.value, first.ttlMs)
  }

  return {
    /**
     * Takes on what nobody has taken on yet, and what this job holds, once: another run of the same job, begun because this
     * one was taken for dead, finds it interrupted. Says of the rest who has it.
     */
    async take(ids: readonly string[]): Promise<Map<string, LedgerEntry>> {
      const entries = new Map<string, LedgerEntry>()
      for (let i = 0; i < ids.length; i += idsPerCall) {
        const some = ids.slice(i, i + idsPerCall)
        const found = await redis.eval(
          claimScript,
          some.length,
          ...some.map(keyOf),
          mark,
          claimMs,
          heldBy(claim),
        )
        const values = z.array(z.string()).parse(found)
        some.forEach((id, n) => entries.set(id, readEntry(values[n] ?? '', { claim, mark })))
      }
      return entries
    },
    settle(id: string, settled: Settled): void {
      write({ id, value: JSON.stringify(settled), ttlMs: settledMs })
    },
    /** Keeps others off a push that this job will try again. */
    hold(id: string, held: Held): void {
      const ttlMs = Math.max(claimMs, held.notBefore - Date.now() + retryMarginMs)
      write({ id, value: `${heldBy(claim)}${JSON.stringify(held).slice(1)}`, ttlMs })
    },
    /** Waits until all of it is stored. Rejects if some of it could not be. */
    async flush(): Promise<void> {
      while (writing ?? waiting.length > 0) await (writing ??= drain())
      if (failure) throw failure
    },
  }
}

export type Ledger = ReturnType<typeof openLedger>

/** How what a job holds begins, for the script to know it by. */
const heldBy = (claim: string) => `{"claim":${JSON.stringify(claim)},`

/** Of a run that was stopped on the way nobody knows how far it came. */
const interrupted: Held = { attempts: 1, notBefore: 0, reason: 'interrupted', maybeShown: true }

function readEntry(value: string, { claim, mark }: { claim: string; mark: string }): LedgerEntry {
  if (value === '' || value === mark) return { kind: 'ours' }
  if (value.startsWith(`${claim} `)) return { kind: 'again', held: interrupted }
  if (!value.startsWith('{')) return { kind: 'elsewhere' }
  const json: unknown = JSON.parse(value)
  const held = Held.safeParse(json)
  if (!held.success) return { kind: 'settled', settled: Settled.parse(json) }
  return held.data.claim === claim ? { kind: 'again', held: held.data } : { kind: 'elsewhere' }
}
