import type { UserId } from '@parley/shared/ids'
import { newsChannelOf } from '@parley/shared/presence'
import type { Subscriber } from '@parley/shared/subscriber'
import { presenceBusy, tooManyWatched } from '../errors.ts'
import type { ChatSocket } from '../realtime.ts'
import { newWatched, type Watched } from './watched.ts'

export const watchedForMs = 600_000
/** Over all sockets of this gateway. */
const maxWatches = 200_000

interface BookOptions {
  subscriber: Subscriber
  watchesPerSocket: number
}

export type WatchBook = ReturnType<typeof createWatchBook>

/** Which socket of this gateway watches whom, and until when; and the channels on which news of those come. */
export function createWatchBook({ subscriber, watchesPerSocket }: BookOptions) {
  const watched = new Map<UserId, Watched>()
  const bySocket = new Map<ChatSocket, Map<UserId, number>>()
  /** Watched users by channel: a gateway hears the channels it needs. */
  const channels = new Map<string, number>()
  let watches = 0

  function follow(channel: string, by: 1 | -1): void {
    const count = (channels.get(channel) ?? 0) + by
    if (count === 0) channels.delete(channel)
    else channels.set(channel, count)
    if (count === 0) subscriber.sunsubscribe(channel)
    else if (count === 1 && by === 1) subscriber.ssubscribe(channel)
  }

  /** Gives what is known of the user, for the last time if nobody else watches. */
  function remove(socket: ChatSocket, userId: UserId): Watched | undefined {
    const mine = bySocket.get(socket)
    if (!mine?.delete(userId)) return undefined
    watches--
    if (mine.size === 0) bySocket.delete(socket)
    const entry = watched.get(userId)
    entry?.watchers.delete(socket)
    if (entry?.watchers.size === 0) {
      watched.delete(userId)
      follow(newsChannelOf(userId), -1)
    }
    return entry
  }

  return {
    watched: watched as ReadonlyMap<UserId, Watched>,
    get watches(): number {
      return watches
    },
    watchers: (): Iterable<ChatSocket> => bySocket.keys(),
    watchedBy: (socket: ChatSocket): UserId[] => [...(bySocket.get(socket)?.keys() ?? [])],

    /** Throws `too_large` beyond the bound of the socket, `overloaded` beyond that of the gateway. */
    checkRoom(socket: ChatSocket, userIds: UserId[]): void {
      const mine = bySocket.get(socket)
      const fresh = new Set(userIds.filter((userId) => !mine?.has(userId)))
      if ((mine?.size ?? 0) + fresh.size > watchesPerSocket) throw tooManyWatched(watchesPerSocket)
      if (watches + fresh.size > maxWatches) throw presenceBusy()
    },

    add(socket: ChatSocket, userId: UserId): Watched {
      const mine = bySocket.get(socket) ?? new Map<UserId, number>()
      bySocket.set(socket, mine)
      if (!mine.has(userId)) watches++
      mine.set(userId, Date.now() + watchedForMs)
      let entry = watched.get(userId)
      if (!entry) {
        entry = newWatched()
        watched.set(userId, entry)
        follow(newsChannelOf(userId), 1)
      }
      entry.watchers.add(socket)
      return entry
    },

    remove,

    /** Ends watches nobody asked to go on with. */
    expire(now: number): void {
      for (const [socket, mine] of bySocket)
        for (const [userId, until] of mine) if (until <= now) remove(socket, userId)
    },
  }
}
