import { type ConversationId, type UserId, uuidFrom } from '@parley/shared/ids'
import type { JobQueue } from '@parley/shared/jobs'
import type { chatPush } from '@parley/shared/queues'
import type { Span } from '../dispatch/store.ts'

const usersPerJob = 500

export type PushQueue = JobQueue<typeof chatPush.data>

/** Entries of a conversation and who is to be told of them, if they still are when the job runs. */
export interface OfflineDelivery extends Span {
  userIds: string[]
  /** The `traceparent` of what they follow from. */
  trace?: string | undefined
}

/**
 * Adds jobs that tell these users of these entries, in pieces of bounded size. All entries of a user go with
 * one job, which tells them oldest first. The same delivery gives the same job ids, so asking twice adds
 * nothing; `round` makes them new where an earlier job may be lost.
 */
export async function enqueuePushes(
  queue: PushQueue,
  deliveries: OfflineDelivery[],
  round = '',
): Promise<void> {
  const jobs = deliveries.flatMap(({ conversationId, firstSeq, lastSeq, userIds, trace }) =>
    chunks(userIds, usersPerJob).map((chunk) => ({
      // Named by its people: of the same entries those who are away and those who stay silent get jobs in turn.
      id: [conversationId, firstSeq, lastSeq, uuidFrom(...chunk), round].join('_'),
      data: {
        conversationId: conversationId as ConversationId,
        firstSeq,
        lastSeq,
        userIds: chunk as UserId[],
        trace,
      },
    })),
  )
  if (jobs.length > 0) await queue.add(jobs)
}

function chunks<T>(items: T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) =>
    items.slice(i * size, (i + 1) * size),
  )
}
