import { MediaId, type UserId } from '@parley/shared/ids'
import type { Context } from '../context.ts'
import { notAPicture } from '../errors.ts'

/** For what a profile or a group is to show: media must be a complete picture; an address is anybody's. */
export async function claimPicture(
  { media }: Pick<Context, 'media'>,
  userId: UserId,
  picture: string | null | undefined,
): Promise<void> {
  const mediaId = MediaId.safeParse(picture)
  if (!mediaId.success) return
  const facts = await media.claim(userId, mediaId.data)
  if (!facts.contentType.startsWith('image/')) throw notAPicture()
}
