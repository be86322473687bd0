import { UserId } from '@parley/shared/ids'
import { z } from 'zod'
import { hashPassword } from '../accounts/passwords.ts'
import type { Context } from '../context.ts'
import { ProfileChange } from '../directory/profile.ts'
import { tooManyPasswords } from '../errors.ts'
import * as store from './store.ts'

/** A password takes a tenth of a second of four threads. */
const maxPasswords = 50

export const ImportedUser = z.strictObject({
  userId: UserId,
  displayName: z.string().trim().min(1).max(128).optional(),
  /** The address of a picture. */
  avatar: z
    .url({ protocol: /^https$/ })
    .max(100)
    .optional(),
  discoverable: z.boolean().optional(),
  messagesFrom: ProfileChange.shape.messagesFrom,
  /** Only where people log in with it; those who come with tokens of the operator need none. */
  password: z.string().min(8).max(256).optional(),
})
type ImportedUser = z.output<typeof ImportedUser>

export interface ImportResult {
  userId: string
  result: 'created' | 'already' | 'refused'
  reason?: 'named-twice' | 'id-differs-in-case'
}

/**
 * Creates those of the users who have no account yet; each has a result. Who has one stays as they are, so an import
 * that was cut off is simply sent again. Error: `invalid_request` if too many come with a password.
 */
export async function importUsers(
  { db, config }: Pick<Context, 'config' | 'db'>,
  users: ImportedUser[],
): Promise<ImportResult[]> {
  if (users.filter(({ password }) => password !== undefined).length > maxPasswords)
    throw tooManyPasswords(maxPasswords)
  const first = new Map(users.toReversed().map((user) => [user.userId.toLowerCase(), user]))
  const before = await store.listTaken(db, [...first.keys()])
  const absent = [...first.values()].filter(({ userId }) => !before.has(userId.toLowerCase()))
  const rows = await Promise.all(
    absent.map(async ({ userId, password, displayName, avatar, discoverable, messagesFrom }) => ({
      userId,
      displayName: displayName ?? null,
      avatar: avatar ?? null,
      discoverable: discoverable ?? true,
      messagesFrom: messagesFrom ?? null,
      passwordHash: password === undefined ? null : await hashPassword(password, config.passwords),
    })),
  )
  const created = new Set(rows.length > 0 ? await store.insertUsers(db, rows) : [])
  const taken = await store.listTaken(db, [...first.keys()])
  return users.map((user) => {
    const { userId } = user
    if (first.get(userId.toLowerCase()) !== user) return { userId, result: 'refused', reason: 'named-twice' }
    if (created.has(userId)) return { userId, result: 'created' }
    if (taken.get(userId.toLowerCase()) !== userId)
      return { userId, result: 'refused', reason: 'id-differs-in-case' }
    return { userId, result: 'already' }
  })
}
