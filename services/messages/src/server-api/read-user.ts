import type { UserId } from '@parley/shared/ids'
import type { Context } from '../context.ts'
import { toOwnProfile } from '../directory/profile.ts'
import { unknownUser } from '../errors.ts'
import * as store from './store.ts'

/** An account as the operator sees it. Error: `not_found`. */
export async function readUser({ db, config }: Pick<Context, 'config' | 'db'>, userId: UserId) {
  const user = await store.findUser(db, userId)
  if (!user) throw unknownUser()
  const { createdAt, suspendedAt, suspensionReason } = user
  return {
    ...toOwnProfile(user, config),
    createdAt: createdAt.toISOString(),
    ...(suspendedAt ? { suspendedAt: suspendedAt.toISOString() } : {}),
    ...(suspensionReason === null ? {} : { suspensionReason }),
  }
}
