import type { MediaId, UserId } from '@parley/shared/ids'
import type { Context } from '../context.ts'
import { doom } from '../doomed/store.ts'
import { mediaNotFound } from '../errors.ts'
import { removePending } from '../media/store.ts'
import { isIn } from '../storage/storage.ts'
import { requestDeadlineMs } from './request-deadline.ts'

/** Longer than a request that is under way still writes: until its end, then what it has, and then it has the store put all together. */
const lastWriteMs = requestDeadlineMs + 3_600_000

/** Gives a ticket back that was not completed. What has arrived is removed, once nobody can write there any more. */
export async function abandonUpload(
  { db }: Pick<Context, 'db'>,
  upload: { ownerId: UserId; mediaId: MediaId },
): Promise<void> {
  await db.transaction().execute(async (trx) => {
    const incomingKey = await removePending(trx, upload)
    if (incomingKey === undefined) throw mediaNotFound()
    // Of a resumable upload there never was a link; any other key is doomed for when its link ends.
    if (isIn('tus', incomingKey)) await doom(trx, [incomingKey], lastWriteMs)
  })
}
