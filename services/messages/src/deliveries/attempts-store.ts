import type { PushOutcome } from '@parley/shared/delivery'
import { type Kysely, sql } from 'kysely'
import type { Database } from '../db/schema.ts'

/**
 * One row for each try, for whoever asks later where a message went. What an earlier run of a job found out and may not have
 * reported is written unless it is known.
 */
export async function recordAttempts(
  db: Kysely<Database>,
  conversationId: string,
  outcomes: PushOutcome[],
): Promise<void> {
  const made = outcomes.filter(({ attempt }) => attempt !== undefined)
  if (made.length > 0) await insertAttempts(db, conversationId, made)
  const found = outcomes.filter(({ attempt, result }) => attempt === undefined && result !== 'retry')
  if (found.length === 0) return
  const known = await listAttempted(db, conversationId, found)
  const unknown = found.filter((outcome) => !known.has(keyOf(outcome)))
  if (unknown.length > 0) await insertAttempts(db, conversationId, unknown)
}

const keyOf = ({ userId, deviceId, seq }: Pick<PushOutcome, 'userId' | 'deviceId' | 'seq'>) =>
  `${userId} ${deviceId} ${seq}`

/** Of which of these an attempt with the same end is written. */
async function listAttempted(db: Kysely<Database>, conversationId: string, outcomes: PushOutcome[]) {
  const { rows } = await sql<PushOutcome>`
    select a.user_id, a.device_id, a.seq
    from unnest(
      ${outcomes.map(({ seq }) => seq)}::bigint[],
      ${outcomes.map(({ userId }) => userId)}::text[],
      ${outcomes.map(({ deviceId }) => deviceId)}::text[],
      ${outcomes.map(({ result }) => result)}::text[]
    ) as i (seq, user_id, device_id, result)
    join push_attempt a on a.conversation_id = ${conversationId} and a.seq = i.seq
      and a.user_id = i.user_id and a.device_id = i.device_id and a.result = i.result`.execute(db)
  return new Set(rows.map(keyOf))
}

async function insertAttempts(
  db: Kysely<Database>,
  conversationId: string,
  outcomes: PushOutcome[],
): Promise<void> {
  await sql`
    insert into push_attempt (conversation_id, seq, user_id, device_id, kind, result, reason, provider_id, audible)
    select ${conversationId}, i.* from unnest(
      ${outcomes.map(({ seq }) => seq)}::bigint[],
      ${outcomes.map(({ userId }) => userId)}::text[],
      ${outcomes.map(({ deviceId }) => deviceId)}::text[],
      ${outcomes.map(({ kind }) => kind)}::text[],
      ${outcomes.map(({ result }) => result)}::text[],
      ${outcomes.map(({ reason }) => reason ?? null)}::text[],
      ${outcomes.map(({ attempt }) => attempt?.providerId ?? null)}::text[],
      ${outcomes.map(({ attempt }) => attempt?.audible ?? false)}::boolean[]
    ) as i`.execute(db)
}

const dayOf = (at: Date) => at.toISOString().slice(0, 10)
const attemptDay = (at: Date) => `push_attempt_${dayOf(at).replaceAll('-', '')}`

/** Makes partitions of push attempts for these days (UTC), and drops what is older than `oldest`. */
export async function keepAttemptDays(
  db: Kysely<Database>,
  { days, oldest }: { days: Date[]; oldest: Date },
): Promise<void> {
  await db.transaction().execute(async (trx) => {
    // Instances take turns.
    await sql`select pg_advisory_xact_lock(hashtextextended('push_attempt', 0))`.execute(trx)
    for (const day of days) {
      const next = new Date(day.getTime() + 24 * 60 * 60_000)
      await sql`
        create table if not exists ${sql.id(attemptDay(day))} partition of push_attempt
        for values from (${sql.lit(`${dayOf(day)}T00:00:00Z`)}) to (${sql.lit(`${dayOf(next)}T00:00:00Z`)})`.execute(
        trx,
      )
    }
    const { rows } = await sql<{ name: string }>`
      select c.relname as name from pg_inherits i join pg_class c on c.oid = i.inhrelid
      where i.inhparent = 'push_attempt'::regclass and c.relname ~ '^push_attempt_[0-9]{8}$'
        and c.relname < ${attemptDay(oldest)}`.execute(trx)
    for (const { name } of rows) await sql`drop table ${sql.id(name)}`.execute(trx)
    await sql`delete from push_attempt_other where at < ${oldest}`.execute(trx)
  })
}
