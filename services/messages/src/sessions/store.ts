import type { Kysely, Transaction } from 'kysely'
import type { Database } from '../db/schema.ts'

/** How long the refresh token before the last still works, for a client that never got the reply. */
const rotationGraceMs = 60_000

export interface NewSession {
  sessionId: string
  userId: string
  deviceId: string
  platform: string
  refreshHash: Buffer
  expiresAt: Date
}

export async function upsertDevice(
  trx: Transaction<Database>,
  device: Pick<NewSession, 'userId' | 'deviceId' | 'platform'>,
) {
  await trx
    .insertInto('device')
    .values({ userId: device.userId, deviceId: device.deviceId, platform: device.platform })
    .onConflict((conflict) =>
      conflict
        .columns(['userId', 'deviceId'])
        .doUpdateSet({ platform: device.platform, lastSeenAt: new Date() }),
    )
    .execute()
}

/** Ends the sessions a device still has, and names them. */
export async function endSessionsOfDevice(
  trx: Transaction<Database>,
  userId: string,
  deviceId: string,
): Promise<string[]> {
  const rows = await trx
    .updateTable('session')
    .set({ endedAt: new Date() })
    .where('userId', '=', userId)
    .where('deviceId', '=', deviceId)
    .where('endedAt', 'is', null)
    .returning('sessionId')
    .execute()
  return rows.map(({ sessionId }) => sessionId)
}

export async function insertSession(trx: Transaction<Database>, session: NewSession): Promise<void> {
  await trx.insertInto('session').values(session).execute()
}

/** The session a refresh token belongs to, held until the transaction ends, and whether the token is still good. */
export async function lockByRefreshHash(trx: Transaction<Database>, hash: Buffer) {
  const row = await trx
    .selectFrom('session')
    .select([
      'sessionId',
      'userId',
      'deviceId',
      'platform',
      'refreshHash',
      'rotatedAt',
      'expiresAt',
      'endedAt',
    ])
    .where((eb) => eb.or([eb('refreshHash', '=', hash), eb('previousHash', '=', hash)]))
    .forUpdate()
    .executeTakeFirst()
  if (!row) return undefined
  const isCurrent = row.refreshHash.equals(hash)
  const inGrace = Date.now() - row.rotatedAt.getTime() < rotationGraceMs
  return {
    ...row,
    good: !row.endedAt && row.expiresAt > new Date() && (isCurrent || inGrace),
    reused: !isCurrent && !inGrace,
  }
}

export async function rotateRefreshHash(
  trx: Transaction<Database>,
  sessionId: string,
  next: { from: Buffer; to: Buffer; expiresAt: Date },
): Promise<void> {
  await trx
    .updateTable('session')
    .set({ refreshHash: next.to, previousHash: next.from, rotatedAt: new Date(), expiresAt: next.expiresAt })
    .where('sessionId', '=', sessionId)
    .execute()
}

export async function endSession(db: Kysely<Database>, sessionId: string): Promise<void> {
  await db
    .updateTable('session')
    .set({ endedAt: new Date() })
    .where('sessionId', '=', sessionId)
    .where('endedAt', 'is', null)
    .execute()
}

export async function removePushTokens(
  db: Kysely<Database>,
  userId: string,
  deviceId: string,
): Promise<void> {
  await db.deleteFrom('pushToken').where('userId', '=', userId).where('deviceId', '=', deviceId).execute()
}

/** Which of these sessions are alive. */
export async function listAlive(db: Kysely<Database>, sessionIds: string[]): Promise<Set<string>> {
  const rows = await db
    .selectFrom('session')
    .select('sessionId')
    .where('sessionId', 'in', sessionIds)
    .where('endedAt', 'is', null)
    .where('expiresAt', '>', new Date())
    .execute()
  return new Set(rows.map(({ sessionId }) => sessionId))
}

/** The live sessions among these, each with the groups its user is to hear. One statement for a whole batch. */
export async function listAliveWithGroups(db: Kysely<Database>, sessionIds: string[]) {
  return db
    .selectFrom('session as s')
    .leftJoin('member as m', (join) => join.onRef('m.userId', '=', 's.userId'))
    .leftJoin('conversation as c', (join) =>
      join.onRef('c.conversationId', '=', 'm.conversationId').on('c.kind', '=', 'group'),
    )
    .select((eb) => [
      's.sessionId',
      eb.fn
        .agg<string[] | null>('array_agg', ['c.conversationId'])
        .filterWhere('c.conversationId', 'is not', null)
        .as('groupIds'),
    ])
    .where('s.sessionId', 'in', sessionIds)
    .where('s.endedAt', 'is', null)
    .where('s.expiresAt', '>', new Date())
    .groupBy('s.sessionId')
    .execute()
}
