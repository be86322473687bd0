import type { SessionId } from '@parley/shared/ids'
import { type Kysely, sql, type Transaction } from 'kysely'
import type { Database, SessionEnd } from '../db/schema.ts'

/** How long the refresh token before the last still works, for a client that never got the reply. */
const rotationGraceMs = 60_000

export interface NewSession {
  sessionId: string
  userId: string
  deviceId: string
  platform: string
  /** Where it is opened from, if that is known. */
  address: string | null
  /** Null where the operator's back end issues the tokens. */
  refreshHash: Buffer | null
  expiresAt: Date
}

/** Holds the account until the transaction ends: log-ins and suspensions of one user take turns. */
export async function lockAccount(trx: Transaction<Database>, userId: string) {
  return trx
    .selectFrom('account')
    .select(['userId', 'passwordHash', 'suspendedAt'])
    .where('userId', '=', userId)
    .forNoKeyUpdate()
    .executeTakeFirst()
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

const unendedOf = (db: Kysely<Database>, userId: string) =>
  db
    .selectFrom('session as s')
    .innerJoin('device as d', (join) =>
      join.onRef('d.userId', '=', 's.userId').onRef('d.deviceId', '=', 's.deviceId'),
    )
    .select(['s.sessionId', 's.deviceId', 's.platform', 's.address', 's.createdAt', 'd.lastSeenAt'])
    .where('s.userId', '=', userId)
    .where('s.endedAt', 'is', null)
    .orderBy('s.rotatedAt')

/** A user's sessions that have not ended, the one used longest ago first. */
export const listLive = (db: Kysely<Database>, userId: string) =>
  unendedOf(db, userId).where('s.expiresAt', '>', new Date()).execute()

/** With those that have merely expired: their devices get pushes until somebody ends them. */
export const listUnended = (db: Kysely<Database>, userId: string) => unendedOf(db, userId).execute()

/** Ends those of the sessions that have not ended, and names them. Their devices get no push any more, unless another session is alive there. */
export async function endSessions(
  trx: Transaction<Database>,
  sessionIds: string[],
  end: { reason: SessionEnd; by?: string },
): Promise<SessionId[]> {
  if (sessionIds.length === 0) return []
  const rows = await trx
    .updateTable('session')
    .set({ endedAt: new Date(), endReason: end.reason, endedBy: end.by ?? null })
    .where('sessionId', 'in', sessionIds)
    .where('endedAt', 'is', null)
    .returning('sessionId')
    .execute()
  await unbindPush(trx, sessionIds)
  return rows.map(({ sessionId }) => sessionId as SessionId)
}

async function unbindPush(trx: Transaction<Database>, sessionIds: string[]): Promise<void> {
  await trx
    .deleteFrom('pushToken as p')
    .using('session as s')
    .whereRef('s.userId', '=', 'p.userId')
    .whereRef('s.deviceId', '=', 'p.deviceId')
    .where('s.sessionId', 'in', sessionIds)
    .where((eb) =>
      eb.not(
        eb.exists(
          eb
            .selectFrom('session as other')
            .select('other.sessionId')
            .whereRef('other.userId', '=', 'p.userId')
            .whereRef('other.deviceId', '=', 'p.deviceId')
            .where('other.endedAt', 'is', null)
            .where('other.expiresAt', '>', new Date()),
        ),
      ),
    )
    .execute()
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
  const isCurrent = row.refreshHash?.equals(hash) ?? false
  const inGrace = Date.now() - row.rotatedAt.getTime() < rotationGraceMs
  return {
    ...row,
    good: !row.endedAt && row.expiresAt > new Date() && (isCurrent || inGrace),
    reused: !row.endedAt && !isCurrent && !inGrace,
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

/** A session of the operator's tokens, held until the transaction ends. */
export async function lockSession(trx: Transaction<Database>, sessionId: string) {
  return trx
    .selectFrom('session')
    .select(['sessionId', 'endedAt', 'tokensFrom'])
    .where('sessionId', '=', sessionId)
    .forUpdate()
    .executeTakeFirst()
}

/** Brings a session of the operator's tokens to life, for tokens that were issued after it last ended. */
export async function upsertOperatorSession(
  trx: Transaction<Database>,
  session: NewSession,
  tokensFrom: Date | null,
): Promise<void> {
  const { address, platform, expiresAt } = session
  await trx
    .insertInto('session')
    .values(session)
    .onConflict((conflict) =>
      conflict.column('sessionId').doUpdateSet((eb) => ({
        address,
        platform,
        tokensFrom,
        expiresAt: eb.fn<Date>('greatest', [eb.val(expiresAt), 'session.expiresAt']),
        createdAt: eb
          .case()
          .when('session.endedAt', 'is', null)
          .then(eb.ref('session.createdAt'))
          .else(sql<Date>`now()`)
          .end(),
        rotatedAt: sql<Date>`now()`,
        endedAt: null,
        endReason: null,
        endedBy: null,
      })),
    )
    .execute()
}

/** How a session stands: whether it is alive, and if not, how it ended and what took its place. Unknown ones are missing. */
export async function listStandings(db: Kysely<Database>, sessionIds: string[]) {
  return db
    .selectFrom('session as s')
    .innerJoin('account as a', 'a.userId', 's.userId')
    .leftJoin('session as by', 'by.sessionId', 's.endedBy')
    .select([
      's.sessionId',
      's.endedAt',
      's.expiresAt',
      's.endReason',
      's.tokensFrom',
      'a.suspendedAt',
      'by.deviceId as byDeviceId',
      'by.platform as byPlatform',
      'by.address as byAddress',
    ])
    .where('s.sessionId', 'in', sessionIds)
    .execute()
}

/** The live sessions among these, each with the groups its user is to hear. One statement for a whole batch. */
export async function listAliveWithGroups(db: Kysely<Database>, sessionIds: string[]) {
  const { rows } = await sql<{
    sessionId: string
    groupIds: string[] | null
  }>`
    select s.session_id, (
      select array_agg(c.conversation_id)
      from member m
      join conversation c on c.conversation_id = m.conversation_id and c.kind in ('group', 'live')
      where m.user_id = s.user_id
    ) as group_ids
    from session s
    where s.session_id = any(${sessionIds}) and s.ended_at is null and s.expires_at > ${new Date()}`.execute(
    db,
  )
  return rows
}
