import { AppError } from '@parley/shared/errors'
import type { MediaId, SessionId, UserId } from '@parley/shared/ids'
import { chooseAmong } from '@parley/shared/instances'
import type { Caller, PictureOf, Rpc } from '@parley/shared/rpc'
import { openRpc } from '@parley/shared/rpc-client'
import type { Tracing } from '@parley/shared/tracing'
import { mediaNotFound, messagesUnavailable } from './errors.ts'

const deadlineMs = 3_000

interface MessagesClientOptions {
  urls: string[]
  secret: string
  tracing?: Tracing | undefined
}

/** What this service asks of messages. All of it only reads, so another instance may be asked when one is away. */
export function openMessagesClient({ urls, secret, tracing }: MessagesClientOptions) {
  const instances = urls.map((baseUrl) => ({ name: baseUrl, rpc: openRpc({ baseUrl, secret, tracing }) }))
  const among = chooseAmong(instances)

  const ask = <M extends keyof Rpc>(
    key: string,
    method: M,
    request: Rpc[M]['request'],
  ): Promise<Rpc[M]['reply']> =>
    among
      .ask(
        () => key,
        ({ rpc }) => rpc.call(method, request, { deadlineMs }),
      )
      .catch((cause: unknown) => {
        throw messagesUnavailable(cause)
      })

  return {
    async mayRead(userId: UserId, mediaId: MediaId): Promise<boolean> {
      const { visible } = await ask(userId, 'media-access/check', { userId, mediaId })
      return visible
    },
    /** What somebody, or a group, shows for a picture; `not_found` if the one who asks does not see them. */
    async findPicture(askedBy: UserId, of: PictureOf): Promise<{ picture: string | null }> {
      const { shown } = await ask(askedBy, 'media-access/picture', { askedBy, of })
      if (!shown) throw mediaNotFound()
      return shown
    },
    /** Of these, what somebody can still see; messages that are not newer than `sentAfter` do not count. */
    async findNeeded(mediaIds: MediaId[], sentAfter: Date | undefined): Promise<Set<MediaId>> {
      const request = { mediaIds, ...(sentAfter ? { sentAfter: sentAfter.toISOString() } : {}) }
      return new Set((await ask('', 'media-access/needed', request)).needed)
    },
    async findEnded(sessionIds: SessionId[]): Promise<SessionId[]> {
      const { ended } = await ask('', 'sessions/ended', { sessionIds })
      return ended.map(({ sessionId }) => sessionId)
    },
    /** Throws what messages refuses with; a session of the operator's tokens is opened by this. */
    async openSession(caller: Caller): Promise<void> {
      const { results } = await ask(caller.userId, 'sessions/open', { sessions: [caller] })
      const [result] = results
      if (result?.ok === false) throw AppError.fromBody(result.error)
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(instances.map(({ rpc }) => rpc[Symbol.asyncDispose]()))
    },
  }
}

export type MessagesClient = ReturnType<typeof openMessagesClient>
