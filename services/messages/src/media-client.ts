import { setTimeout as wait } from 'node:timers/promises'
import { AppError } from '@parley/shared/errors'
import type { MediaId, UserId } from '@parley/shared/ids'
import { isElsewhere } from '@parley/shared/instances'
import type { MediaFacts } from '@parley/shared/media'
import { fromBatchReply, type Rpc } from '@parley/shared/rpc'
import { openRpc } from '@parley/shared/rpc-client'
import type { Tracing } from '@parley/shared/tracing'
import { mediaSilent, tooManyClaims } from './errors.ts'

/** Under way at once. A media service that hangs holds each of them until its deadline. */
const mostClaims = 256
const deadlineMs = 5_000
/** One that restarts is back within moments. */
const retryDelaysMs = [100, 400, 1_000, 2_000]

interface MediaClientOptions {
  baseUrl: string
  secret: string
  tracing?: Tracing | undefined
}

type Claim = Rpc['media/claim']['request']['claims'][number]

export function openMediaClient(options: MediaClientOptions) {
  const rpc = openRpc({ ...options, connections: mostClaims })
  let underWay = 0

  async function askUntilThere(claim: Claim, trace: string | undefined) {
    const endsAt = performance.now() + deadlineMs
    for (let attempt = 0; ; attempt++) {
      const leftMs = endsAt - performance.now()
      try {
        return await rpc.call('media/claim', { claims: [claim] }, { deadlineMs: leftMs, trace })
      } catch (cause) {
        const delayMs = retryDelaysMs[attempt]
        if (!isElsewhere(cause)) throw cause
        if (delayMs === undefined || performance.now() + delayMs >= endsAt) throw mediaSilent(cause)
        await wait(delayMs)
      }
    }
  }

  return {
    /**
     * What the media service says of media a user is about to refer to: their own, or media they may see. From here on
     * it keeps the media long enough for the reference to be stored. `trace`: the `traceparent` of what asks.
     *
     * @throws AppError `not_found` or `conflict` of the media service, `unavailable` if it gives no answer within 5 s,
     * `overloaded` where too many wait for one
     */
    async claim(userId: UserId, mediaId: MediaId, trace?: string): Promise<MediaFacts> {
      if (underWay >= mostClaims) throw tooManyClaims()
      underWay++
      try {
        const [facts] = fromBatchReply(await askUntilThere({ userId, mediaId }, trace))
        if (facts === undefined) throw mediaSilent()
        if (facts instanceof AppError) throw facts
        return facts
      } finally {
        underWay--
      }
    },
    [Symbol.asyncDispose]: () => rpc[Symbol.asyncDispose](),
  }
}

export type MediaClient = ReturnType<typeof openMediaClient>
