import type { Logger } from '@parley/shared/log'
import { startLoop } from '@parley/shared/loop'
import type { Kysely } from 'kysely'
import type { Database } from '../db/schema.ts'
import * as store from './attempts-store.ts'

const everyMs = 60 * 60_000
const dayMs = 24 * 60 * 60_000
/** Long enough to ask where a message of last week went; the table stays bounded by what two weeks bring. */
const keptDays = 14
const aheadDays = 3

/** Keeps the attempts in a partition for each day to come, so that old days go whole and cost nothing. */
export function startAttemptDays({ log, db }: { log: Logger; db: Kysely<Database> }): AsyncDisposable {
  const round = () => turnAttemptDays(db, new Date())
  round().catch((err: unknown) => log.warn({ err }, 'days of push attempts are made later'))
  return startLoop({ log, name: 'days of push attempts', everyMs }, round)
}

export async function turnAttemptDays(db: Kysely<Database>, now: Date): Promise<void> {
  // Not today: its first rows may already be with those that found no day of their own.
  const days = Array.from({ length: aheadDays }, (_, i) => new Date(now.getTime() + (i + 1) * dayMs))
  await store.keepAttemptDays(db, { days, oldest: new Date(now.getTime() - keptDays * dayMs) })
}
