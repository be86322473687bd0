import type { PushTokenKind } from '@parley/shared/protocol'
import { type Kysely, sql, type Transaction } from 'kysely'
import type { Database, PushKeys } from '../db/schema.ts'
import type { TokenRow } from '../deliveries/due-store.ts'

export interface PushBinding {
  userId: string
  deviceId: string
  kind: PushTokenKind
  token: string
  topic: string | null
  environment: 'sandbox' | 'production'
  /** BCP 47. */
  locale: string | null
  keys: PushKeys | null
}

/**
 * Binds a token to this user's device; whoever had it before has it no longer. False, and nothing is bound, if the
 * session that asks has ended: whoever ends it waits for this, or this for them, and then unbinds what is there.
 */
export async function bindPushToken(
  db: Kysely<Database>,
  sessionId: string,
  binding: PushBinding,
): Promise<boolean> {
  return db.transaction().execute(async (trx) => {
    // Two users who bind the same token at once take turns.
    await sql`select pg_advisory_xact_lock(hashtextextended(${binding.token}, 0))`.execute(trx)
    const session = await trx
      .selectFrom('session')
      .select('sessionId')
      .where('sessionId', '=', sessionId)
      .where('endedAt', 'is', null)
      .where('expiresAt', '>', new Date())
      .forShare()
      .executeTakeFirst()
    if (!session) return false
    await holdBindings(trx, binding)
    await trx
      .deleteFrom('pushToken')
      .where('kind', '=', binding.kind)
      .where('token', '=', binding.token)
      .where((eb) =>
        eb.not(eb.and([eb('userId', '=', binding.userId), eb('deviceId', '=', binding.deviceId)])),
      )
      .execute()
    const { token, topic, environment, locale } = binding
    const keys = binding.keys && JSON.stringify(binding.keys)
    await trx
      .insertInto('pushToken')
      .values({ ...binding, keys })
      .onConflict((conflict) =>
        conflict.columns(['userId', 'deviceId', 'kind']).doUpdateSet({
          token,
          topic,
          environment,
          locale,
          keys,
          updatedAt: new Date(),
          // Another token is another installation, whose icon shows nothing yet.
          badge: sql`case when push_token.token = ${token} then push_token.badge end`,
        }),
      )
      .execute()
    return true
  })
}

/** What the device and the token are bound to now, always in one order: two devices may take each other's tokens at once. */
async function holdBindings(
  trx: Transaction<Database>,
  { userId, deviceId, kind, token }: PushBinding,
): Promise<void> {
  await trx
    .selectFrom('pushToken')
    .select('token')
    .where('kind', '=', kind)
    .where((eb) =>
      eb.or([eb('token', '=', token), eb.and([eb('userId', '=', userId), eb('deviceId', '=', deviceId)])]),
    )
    .orderBy('userId')
    .orderBy('deviceId')
    .forUpdate()
    .execute()
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

const callKinds: PushTokenKind[] = ['apns-voip', 'apns', 'fcm', 'fcm-fid', 'webpush', 'huawei']

/** Where these people's devices can be rung: a token each, that for calls if there is one, else the newest. */
export async function listCallTokens(db: Kysely<Database>, userIds: string[]): Promise<TokenRow[]> {
  const { rows } = await sql<TokenRow>`
    select distinct on (t.user_id, t.device_id)
      t.user_id, t.device_id, d.platform, t.kind, t.token, t.topic, t.environment, t.keys, t.updated_at
    from push_token t
    join device d on d.user_id = t.user_id and d.device_id = t.device_id
    where t.user_id = any(${userIds}) and t.kind = any(${callKinds})
    order by t.user_id, t.device_id, t.kind = 'apns-voip' desc, t.updated_at desc`.execute(db)
  return rows
}

/** Every token of a user, or of one of the devices, the newest of a device first. */
export async function listPushTokens(
  db: Kysely<Database>,
  { userId, deviceId, limit }: { userId: string; deviceId?: string | undefined; limit: number },
): Promise<TokenRow[]> {
  const { rows } = await sql<TokenRow>`
    select t.user_id, t.device_id, d.platform, t.kind, t.token, t.topic, t.environment, t.keys, t.updated_at
    from push_token t
    join device d on d.user_id = t.user_id and d.device_id = t.device_id
    where t.user_id = ${userId} and (${deviceId ?? null}::text is null or t.device_id = ${deviceId ?? null})
    order by t.device_id, t.updated_at desc
    limit ${limit}`.execute(db)
  return rows
}
