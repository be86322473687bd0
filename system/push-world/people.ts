import { randomUUID } from 'node:crypto'
import type { DeviceId, UserId } from '@parley/shared/ids'
import type { Pool } from 'pg'
import type { Phones } from './phones.ts'

export type People = readonly [ann: UserId, ben: UserId, cas: UserId]

/** Each with a phone; Ben has a tablet too. */
export async function createPeople(pool: Pool, phones: Pick<Phones, 'add'>): Promise<People> {
  const name = (role: string) => `${role}-${randomUUID().slice(0, 8)}` as UserId
  const [ann, ben, cas] = [name('ann'), name('ben'), name('cas')]

  // Nobody of an earlier world is to be told anything.
  await pool.query('delete from push_token')
  for (const userId of [ann, ben, cas]) {
    await pool.query('insert into account (user_id, password_hash) values ($1, $2)', [userId, 'x'])
    for (const deviceId of (userId === ben ? ['phone', 'tablet'] : ['phone']) as DeviceId[]) {
      const token = randomUUID()
      await pool.query(`insert into device (user_id, device_id, platform) values ($1, $2, 'ios')`, [
        userId,
        deviceId,
      ])
      await pool.query(
        `insert into push_token (user_id, device_id, kind, token, environment) values ($1, $2, 'apns', $3, 'production')`,
        [userId, deviceId, token],
      )
      phones.add({ userId, deviceId, token })
    }
  }
  return [ann, ben, cas]
}
