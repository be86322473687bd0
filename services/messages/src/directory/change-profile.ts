import type { UserId } from '@parley/shared/ids'
import type { Context } from '../context.ts'
import { unknownUser } from '../errors.ts'
import { claimPicture } from '../media-access/claim-picture.ts'
import { announceOwn, appendOwn } from '../own-log/append-own.ts'
import { recheckPresence } from '../presence/recheck.ts'
import { type OwnProfile, type ProfileChange, toOwnProfile } from './profile.ts'
import * as store from './store.ts'

/**
 * Changes what others see of a user and how they reach them. The user's own devices are told in the own log; the
 * contacts are told soon after, by `startTellingContacts`, which the same transaction leaves a note for.
 */
export async function changeProfile(
  ctx: Pick<Context, 'announcer' | 'config' | 'db' | 'dispatcher' | 'log' | 'media'>,
  userId: UserId,
  change: ProfileChange,
): Promise<OwnProfile> {
  await claimPicture(ctx, userId, change.avatar)
  const changes = Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined))
  const { profile, appended } = await ctx.db.transaction().execute(async (trx) => {
    const before = await store.lockProfile(trx, userId)
    if (!before) throw unknownUser()
    const after = { ...before, ...changes }
    const same = Object.entries(changes).every(([key, value]) => before[key as keyof typeof before] === value)
    if (same) return { profile: toOwnProfile(before, ctx.config), appended: [] }
    await store.updateProfile(trx, userId, changes)
    if (after.displayName !== before.displayName || after.avatar !== before.avatar)
      await store.noteProfileChange(trx, userId)
    const content = toOwnProfile(after, ctx.config)
    const entry = { userId, senderId: userId, kind: 'profile' as const, type: 'profile.changed', content }
    return {
      profile: content,
      appended: await appendOwn(trx, [{ ...entry, counted: false, pushed: false }]),
    }
  })
  announceOwn(ctx, appended)
  if (change.presenceTo !== undefined) recheckPresence(ctx, [userId])
  return profile
}
