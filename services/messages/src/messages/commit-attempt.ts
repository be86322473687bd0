import type { Pool } from 'pg'
import { commitBatch } from './commit-batch.ts'
import { commitPlain } from './commit-plain.ts'
import type { PlainSends } from './plain-sends.ts'
import type { PreparedSend } from './prepared-send.ts'
import type { CommittedBatch } from './standing.ts'

/** What is plain the plain way, then by the statement that tells reasons, then with the conversations held. */
export async function commitAttempt(
  pool: Pool,
  sends: PreparedSend[],
  { attempt, plain }: { attempt: number; plain: PreparedSend[] },
): Promise<CommittedBatch> {
  if (attempt > 1) return commitHolding(pool, sends)
  if (attempt === 1 || plain.length === 0) return commitBatch(pool, sends)
  const { standings, dispatchId } = await commitPlain(pool, plain)
  if (plain.length === sends.length) return { standings, dispatchId }
  const standingOf = new Map(plain.map((send, i) => [send, standings[i]]))
  return { standings: sends.map((send) => standingOf.get(send) ?? { kind: 'stale' }), dispatchId }
}

/** The conversations that are not to be tried: all sends of one or none, since they are numbered in order. */
export const othersThanPlain = (sends: PreparedSend[], plainSends: PlainSends): Set<string> =>
  new Set(sends.filter((send) => !plainSends.includes(send)).map((send) => send.conversationId))

/** Takes the conversations' locks first, in order, so that the statement's snapshot cannot be old. */
async function commitHolding(pool: Pool, sends: PreparedSend[]) {
  const client = await pool.connect()
  let broken = true
  try {
    await client.query('begin')
    await client.query(
      'select from conversation where conversation_id = any($1) order by conversation_id for no key update',
      [[...new Set(sends.map((send) => send.conversationId))]],
    )
    const batch = await commitBatch(client, sends)
    await client.query('commit')
    broken = false
    return batch
  } finally {
    // A connection in doubt is closed, which rolls back what it had not committed.
    client.release(broken)
  }
}
