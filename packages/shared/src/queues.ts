import { z } from 'zod'
import { ConversationId, MediaId, UserId } from './ids.ts'
import { jobKind, patientBackoff } from './jobs.ts'

const forgetful = {
  removeOnComplete: { age: 3_600, count: 10_000 },
  removeOnFail: { age: 86_400, count: 10_000 },
}

/**
 * Tell these people of the entries `firstSeq`..`lastSeq` of a conversation, if they are still to be told
 * when the job runs. messages adds it, push does it.
 */
export const chatPush = jobKind({
  queue: 'push-chat',
  data: z.object({
    conversationId: ConversationId,
    firstSeq: z.int().positive(),
    lastSeq: z.int().positive(),
    userIds: z.array(UserId).min(1).max(100),
  }),
  options: { attempts: 8, backoff: patientBackoff(1_000), ...forgetful },
})

/** Make what a chat shows of an upload: pixel size, thumbnail, then `ready`. media adds it and does it. */
export const mediaProcessing = jobKind({
  queue: 'media-process',
  data: z.object({ mediaId: MediaId }),
  options: { attempts: 4, backoff: { type: 'exponential', delay: 500, jitter: 0.5 }, ...forgetful },
})
