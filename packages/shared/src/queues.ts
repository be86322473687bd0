import { z } from 'zod'
import { CallNotice } from './call-notice.ts'
import { ConversationId, DeviceId, MediaId, UserId } from './ids.ts'
import { jobKind, patientBackoff, traced } from './jobs.ts'

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
    userIds: z.array(UserId).min(1).max(500),
    ...traced,
  }),
  // Each push has a few attempts of its own; the job comes back for whichever is next.
  options: { attempts: 64, backoff: patientBackoff(1_000), ...forgetful },
})

/** Take back the alerts these people have read meanwhile, and put their badges right. messages adds it, push does it. */
export const withdrawal = jobKind({
  queue: 'push-withdrawal',
  data: z.object({
    userIds: z.array(UserId).min(1).max(100),
    /** Alerts of it may have come after they were read: said again whatever was said before. */
    conversationId: ConversationId.optional(),
  }),
  options: { attempts: 5, backoff: patientBackoff(2_000), ...forgetful },
})

/**
 * Ring these people's devices for a call, or stop those that were rung. Its own queue, so that no amount of chat
 * stands before it, and quick attempts, until the call has rung out: a ring has three of its own, a stop all there are. Whoever
 * signals calls adds it, push does it, and looks in `ringing.ts` whether the call still rings.
 */
export const callPush = jobKind({
  queue: 'push-call',
  data: z.object({
    action: z.enum(['ring', 'stop']),
    call: CallNotice,
    userIds: z.array(UserId).min(1).max(100),
    /** Devices that were told over their socket. */
    except: z
      .array(z.object({ userId: UserId, deviceId: DeviceId }))
      .max(1_000)
      .default([]),
  }),
  options: {
    attempts: 64,
    backoff: patientBackoff(400),
    removeOnComplete: { age: 600, count: 10_000 },
    removeOnFail: { age: 3_600, count: 10_000 },
  },
})

/** Make what a chat shows of an upload: pixel size, thumbnail, then `ready`. media adds it and does it. */
export const mediaProcessing = jobKind({
  queue: 'media-process',
  data: z.object({ mediaId: MediaId, ...traced }),
  options: { attempts: 4, backoff: { type: 'exponential', delay: 500, jitter: 0.5 }, ...forgetful },
})
