import { Picture } from '@parley/shared/media'
import { Profile } from '@parley/shared/protocol'
import { z } from 'zod'
import type { OwnProfileRow, ProfileRow } from './store.ts'

const PresenceTo = z.enum(['everyone', 'contacts', 'nobody'])

/** What a user may change; null takes a value away. */
export const ProfileChange = z.strictObject({
  displayName: z.string().trim().min(1).max(128).nullable().optional(),
  avatar: Picture.nullable().optional(),
  discoverable: z.boolean().optional(),
  messagesFrom: z.enum(['anyone', 'contacts']).nullable().optional(),
  presenceTo: PresenceTo.optional(),
})
export type ProfileChange = z.output<typeof ProfileChange>

export const OwnProfile = Profile.extend({
  /** Whether the directory finds this account. */
  discoverable: z.boolean(),
  /** From whom it takes direct messages. */
  messagesFrom: z.enum(['anyone', 'contacts']),
  /** Who sees whether the user is there, and when last: `everyone` who has something to do with them, or contacts. */
  presenceTo: PresenceTo,
})
export type OwnProfile = z.output<typeof OwnProfile>

export function toProfile({ userId, displayName, avatar }: ProfileRow): Profile {
  return {
    userId,
    ...(displayName === null ? {} : { displayName }),
    ...(avatar === null ? {} : { avatar }),
  }
}

export function toOwnProfile(
  row: OwnProfileRow,
  { messagesFrom }: { messagesFrom: 'anyone' | 'contacts' },
): OwnProfile {
  return {
    ...toProfile(row),
    discoverable: row.discoverable,
    messagesFrom: row.messagesFrom ?? messagesFrom,
    presenceTo: row.presenceTo,
  }
}
