import { setTimeout as wait } from 'node:timers/promises'
import { AppError } from '@parley/shared/errors'
import { MediaId, type UserId } from '@parley/shared/ids'
import { isElsewhere } from '@parley/shared/instances'
import type { MediaFacts } from '@parley/shared/media'
import { type BatchReply, fromBatchReply } from '@parley/shared/rpc'
import type { RpcClient } from '@parley/shared/rpc-client'
import type { Context } from '../context.ts'
import { notAPicture } from '../errors.ts'

const deadlineMs = 5_000
/** One that restarts is back within moments. */
const retryDelaysMs = [100, 400, 1_000, 2_000]

/**
 * What the media service says of media a user is about to refer to: their own, or media they may see. From here on
 * it keeps the media long enough for the reference to be stored.
 *
 * @throws AppError `not_found` or `conflict` of the media service, `unavailable` if it gives no answer
 */
export async function claimMedia(
  { media }: Pick<Context, 'media'>,
  userId: UserId,
  mediaId: MediaId,
  /** The `traceparent` of what asks. */
  trace?: string,
): Promise<MediaFacts> {
  const [facts] = fromBatchReply(await askUntilThere(media, { userId, mediaId }, trace))
  if (facts === undefined) throw new AppError('unavailable', 'the media service gave no answer')
  if (facts instanceof AppError) throw facts
  return facts
}

async function askUntilThere(
  media: RpcClient,
  claim: { userId: UserId; mediaId: MediaId },
  trace: string | undefined,
): Promise<BatchReply<MediaFacts>> {
  const endsAt = performance.now() + deadlineMs
  for (let attempt = 0; ; attempt++) {
    const leftMs = endsAt - performance.now()
    try {
      return await media.call('media/claim', { claims: [claim] }, { deadlineMs: leftMs, trace })
    } catch (cause) {
      const delayMs = retryDelaysMs[attempt]
      if (!isElsewhere(cause) || delayMs === undefined || performance.now() + delayMs >= endsAt) throw cause
      await wait(delayMs)
    }
  }
}

/** For what a profile or a group is to show: media must be a complete picture; an address is anybody's. */
export async function claimPicture(
  ctx: Pick<Context, 'media'>,
  userId: UserId,
  picture: string | null | undefined,
): Promise<void> {
  const mediaId = MediaId.safeParse(picture)
  if (!mediaId.success) return
  const facts = await claimMedia(ctx, userId, mediaId.data)
  if (!facts.contentType.startsWith('image/')) throw notAPicture()
}
