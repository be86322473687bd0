import type { PushTokenKind } from '@parley/shared/protocol'
import { type Kysely, sql } from 'kysely'
import type { Database } from '../db/schema.ts'

export interface PushBinding {
  userId: string
  deviceId: string
  kind: PushTokenKind
  token: string
  topic: string | null
  environment: 'sandbox' | 'production'
  /** BCP 47. */
  locale: string | null
}

/** Binds a token to this user's device; whoever had it before has it no longer. */
export async function bindPushToken(db: Kysely<Database>, binding: PushBinding): Promise<void> {
  await db.transaction().execute(async (trx) => {
    // Two users who bind the same token at once take turns.
    await sql`select pg_advisory_xact_lock(hashtextextended(${binding.token}, 0))`.execute(trx)
    await trx
      .deleteFrom('pushToken')
      .where('kind', '=', binding.kind)
      .where('token', '=', binding.token)
      .where((eb) =>
        eb.not(eb.and([eb('userId', '=', binding.userId), eb('deviceId', '=', binding.deviceId)])),
      )
      .execute()
    const { token, topic, environment, locale } = binding
    await trx
      .insertInto('pushToken')
      .values(binding)
      .onConflict((conflict) =>
        conflict.columns(['userId', 'deviceId', 'kind']).doUpdateSet({
          token,
          topic,
          environment,
          locale,
          updatedAt: new Date(),
          // Another token is another installation, whose icon shows nothing yet.
          badge: sql`case when push_token.token = ${token} then push_token.badge end`,
        }),
      )
      .execute()
  })
}

/** Forgets a token the provider called dead, unless it was registered again after the provider learned so. */
export async function forgetPushToken(
  db: Kysely<Database>,
  dead: {
    userId: string
    deviceId: string
    kind: PushBinding['kind']
    token: string
    since?: Date | undefined
  },
): Promise<void> {
  await db
    .deleteFrom('pushToken')
    .where('userId', '=', dead.userId)
    .where('deviceId', '=', dead.deviceId)
    .where('kind', '=', dead.kind)
    .where('token', '=', dead.token)
    .$if(dead.since !== undefined, (query) => query.where('updatedAt', '<', dead.since ?? new Date()))
    .execute()
}
