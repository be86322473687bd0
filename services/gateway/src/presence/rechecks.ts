import type { UserId } from '@parley/shared/ids'
import type { Logger } from '@parley/shared/log'
import { startLoop } from '@parley/shared/loop'
import type { VisibleAsk } from '@parley/shared/rpc'
import type { Registry } from '../connections/registry.ts'
import type { MessagesClient } from '../messages-client.ts'
import type { WatchBook } from './watch-book.ts'

/** What waits for messages at a time: of more than it takes in it would refuse some. */
const asksAtOnce = 500
const idsPerAsk = 100
const againAfterMs = 1_000

interface RechecksOptions {
  log: Logger
  messages: Pick<MessagesClient, 'visible'>
  registry: Pick<Registry, 'socketsOf'>
  book: Pick<WatchBook, 'watched' | 'watchedBy'>
  /** Ends what no longer holds. */
  hide: (seenBy: UserId, userId: UserId) => void
}

/** Asks messages anew whom those who watch may see, page by page. */
export function startRechecks({ log, messages, registry, book, hide }: RechecksOptions) {
  const inDoubt = new Set<UserId>()

  async function ask(request: VisibleAsk): Promise<void> {
    const { visible } = await messages.visible(request)
    const still = new Set(visible.map(({ userId }) => userId))
    for (const userId of request.otherIds) if (!still.has(userId)) hide(request.userId, userId)
  }

  async function askAll(
    asks: VisibleAsk[],
    unanswered: (request: VisibleAsk, cause: unknown) => void,
  ): Promise<void> {
    for (let i = 0; i < asks.length; i += asksAtOnce) {
      const page = asks.slice(i, i + asksAtOnce)
      await Promise.all(page.map((request) => ask(request).catch((cause) => unanswered(request, cause))))
    }
  }

  /** Whom somebody watches, on any of their sockets. */
  const watchedBy = (userId: UserId): Set<UserId> =>
    new Set(registry.socketsOf(userId).flatMap((socket) => book.watchedBy(socket)))

  /** Whom these users watch, and who watches them. */
  function pairsOf(userIds: UserId[]): Map<UserId, Set<UserId>> {
    const pairs = new Map(userIds.map((userId) => [userId, watchedBy(userId)]))
    for (const userId of userIds) {
      for (const { data } of book.watched.get(userId)?.watchers ?? []) {
        const { userId: seenBy } = data.identity
        pairs.set(seenBy, (pairs.get(seenBy) ?? new Set<UserId>()).add(userId))
      }
    }
    return pairs
  }

  const asking = startLoop({ log, name: 'presence in doubt', everyMs: againAfterMs }, async () => {
    const pairs = [...inDoubt].map((userId) => [userId, watchedBy(userId)] as const)
    // Before messages is asked: who is in doubt after that is asked about once more.
    inDoubt.clear()
    const failures: unknown[] = []
    await askAll(asksOf(pairs), ({ userId }, cause) => {
      inDoubt.add(userId)
      failures.push(cause)
    })
    if (failures.length > 0) throw new Error('who may be seen is not known of all', { cause: failures[0] })
  })

  return {
    /** At once. Without an answer nothing is shown: it is asked for again when the watch is renewed. */
    now: (userIds: UserId[]): Promise<void> =>
      askAll(asksOf(pairsOf(userIds)), ({ userId: seenBy, otherIds }) => {
        for (const userId of otherIds) hide(seenBy, userId)
      }),
    /** Whom these users watch, as soon as messages answers, however long that takes. */
    soon(userIds: Iterable<UserId>): void {
      for (const userId of userIds) inDoubt.add(userId)
      asking.soon()
    },
    [Symbol.asyncDispose]: () => asking[Symbol.asyncDispose](),
  }
}

function asksOf(pairs: Iterable<readonly [UserId, Set<UserId>]>): VisibleAsk[] {
  const asks: VisibleAsk[] = []
  for (const [userId, others] of pairs) {
    const all = [...others]
    for (let i = 0; i < all.length; i += idsPerAsk)
      asks.push({ userId, otherIds: all.slice(i, i + idsPerAsk) })
  }
  return asks
}
