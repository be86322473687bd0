import type { UserId } from '@parley/shared/ids'
import { startLoop } from '@parley/shared/loop'
import { findReach, newsChannelOf, newsChannelPrefix } from '@parley/shared/presence'
import type { PresenceState } from '@parley/shared/presence-events'
import type { ClientReply, ClientRequest } from '@parley/shared/protocol'
import { gatewayOrders } from '@parley/shared/realtime'
import type { VisibleUser } from '@parley/shared/rpc'
import { Gauge } from 'prom-client'
import type { Context } from '../context.ts'
import { presenceBusy, presenceUnknown } from '../errors.ts'
import type { ChatSocket } from '../realtime.ts'
import { startRechecks } from './rechecks.ts'
import { createVisibilityChanges } from './visibility-changes.ts'
import { createWatchBook, watchedForMs } from './watch-book.ts'
import { newWatched, observe, toState, type Watched } from './watched.ts'

const lookEveryMs = 500
/** Every watched user is asked about again within this, whether there was news or not: news may be lost. */
const roundMs = 60_000
const askedAtOnce = 500
/** About one watch, while rights change on the way. */
const asksAtMost = 5

type WatchContext = Pick<
  Context,
  'config' | 'log' | 'metrics' | 'redis' | 'subscriber' | 'messages' | 'registry' | 'load'
>

/**
 * Who watches whom on this gateway. News from others say whose presence changed; what it is now is asked of Redis, for
 * all that gathered at once, and compared with what watchers were told (ADR 11). So a change is told once, whatever
 * was lost, came twice, or happened to the gateway it came from.
 */
export function startWatches(ctx: WatchContext) {
  const { config, log, redis, subscriber, messages, registry, load } = ctx
  const { graceMs, watchesPerSocket } = config.presence
  const book = createWatchBook({ subscriber, watchesPerSocket })
  const { watched } = book
  const visibilityChanges = createVisibilityChanges()
  const rechecks = startRechecks({ log, messages, registry, book, hide })
  const changed = new Set<UserId>()
  let round = watched.keys()

  const prefix = Buffer.from(newsChannelPrefix)
  const onMessage = (channel: Buffer, message: Buffer) => {
    // Doorbells come by here as well; the first byte tells most of them apart.
    if (channel[0] !== prefix[0] || !channel.subarray(0, prefix.length).equals(prefix)) return
    for (const userId of parseNews(message)) if (watched.has(userId)) changed.add(userId)
  }
  const onHealed = (channels: ReadonlySet<string>) => {
    for (const userId of watched.keys()) if (channels.has(newsChannelOf(userId))) changed.add(userId)
    if (!channels.has(gatewayOrders)) return
    visibilityChanges.allChanged()
    rechecks.soon([...book.watchers()].map(({ data }) => data.identity.userId))
  }
  subscriber.on('smessageBuffer', onMessage)
  subscriber.on('healed', onHealed)
  new Gauge({
    name: 'parley_gateway_presence_watches',
    help: 'Pairs of a socket and a user it watches',
    registers: [ctx.metrics],
    collect() {
      this.set(book.watches)
    },
  })

  async function look(): Promise<void> {
    if (watched.size === 0 || load.sheds('presence')) return
    const due = takeDue()
    const news = new Map<ChatSocket, PresenceState[]>()
    for (let i = 0; i < due.length; i += askedAtOnce) {
      const some = due.slice(i, i + askedAtOnce)
      const reach = await findReach(redis, some).catch((err: unknown) => {
        log.warn({ err }, 'presence could not be asked for')
        return undefined
      })
      // Nobody has gone because Redis has: what watchers were told stays, and is asked for again.
      if (!reach) {
        for (const userId of due.slice(i)) changed.add(userId)
        break
      }
      for (const userId of some) {
        const entry = watched.get(userId)
        if (!entry || !observe(entry, reach.get(userId), { now: Date.now(), graceMs })) continue
        for (const socket of entry.watchers) {
          const states = news.get(socket) ?? []
          states.push(toState(userId, entry))
          news.set(socket, states)
        }
      }
    }
    for (const [socket, states] of news) socket.emit('presence:changed', { states })
  }

  /** Those there was news of, those whose grace may be over, and the next ones of the round. */
  function takeDue(): UserId[] {
    const due = new Set(changed)
    changed.clear()
    const now = Date.now()
    for (const [userId, { lowerSince }] of watched)
      if (lowerSince !== undefined && now - lowerSince >= graceMs) due.add(userId)
    const share = Math.ceil((watched.size * lookEveryMs) / roundMs)
    for (let i = 0; i < share; i++) {
      const next = round.next()
      if (next.done) {
        round = watched.keys()
        break
      }
      due.add(next.value)
    }
    return [...due]
  }

  async function watch(socket: ChatSocket, userIds: UserId[]): Promise<PresenceState[]> {
    if (load.isHigh()) throw presenceBusy()
    book.checkRoom(socket, userIds)
    const { userId: seenBy } = socket.data.identity
    const visible = await askVisible(seenBy, userIds)
    // Whose rights ended with nobody knowing here, as when the order was lost.
    const seen = new Set(visible.map(({ userId }) => userId))
    for (const userId of userIds) if (!seen.has(userId)) hide(seenBy, userId)
    book.checkRoom(socket, userIds)
    if (!socket.connected) return []
    const entries = new Map<string, Watched>()
    for (const { userId, lastSeenAt } of visible) {
      const entry = book.add(socket, userId as UserId)
      if (lastSeenAt !== undefined && (entry.lastSeenAt ?? '') < lastSeenAt) entry.lastSeenAt = lastSeenAt
      entries.set(userId, entry)
    }
    await subscriber.settled()
    await learn(entries)
    // Whom the socket must not see any more by now has left the book.
    const still = new Set(book.watchedBy(socket))
    return userIds.map((userId) =>
      toState(userId, (still.has(userId) ? entries.get(userId) : undefined) ?? newWatched()),
    )
  }

  /** Where rights have changed on the way, it asks again: no order finds a watch that is not in the book yet. */
  async function askVisible(seenBy: UserId, otherIds: UserId[]): Promise<VisibleUser[]> {
    for (let asked = 0; asked < asksAtMost; asked++) {
      using changes = visibilityChanges.watch([seenBy, ...otherIds])
      const { visible } = await messages.visible({ userId: seenBy, otherIds })
      if (!changes.any) return visible
    }
    throw presenceBusy()
  }

  /** Asks about those of whom nothing is known here yet. */
  async function learn(entries: Map<string, Watched>): Promise<void> {
    const unknown = [...entries].flatMap(([userId, { told }]) => (told ? [] : [userId as UserId]))
    const reach = await findReach(redis, unknown).catch((cause: unknown) => {
      throw presenceUnknown(cause)
    })
    if (!reach) throw presenceUnknown()
    for (const userId of unknown) {
      const entry = entries.get(userId)
      if (entry && !entry.told) observe(entry, reach.get(userId), { now: Date.now(), graceMs })
    }
  }

  const looking = startLoop({ log, name: 'presence watches', everyMs: lookEveryMs }, look)
  const expiring = startLoop({ log, name: 'presence expiry', everyMs: 30_000 }, async () =>
    book.expire(Date.now()),
  )

  return {
    /**
     * Errors: `too_large` beyond the bound of a socket, `overloaded` while the gateway is under load or rights change faster
     * than they can be asked for, `unavailable` while Redis or messages does not answer.
     */
    async set(
      socket: ChatSocket,
      { userIds, watch: on }: ClientRequest<'presence:watch'>,
    ): Promise<ClientReply<'presence:watch'>> {
      if (on) return { states: await watch(socket, userIds), expiresInMs: watchedForMs }
      for (const userId of userIds) book.remove(socket, userId)
      return { states: [], expiresInMs: 0 }
    },
    /** The socket has gone. */
    drop(socket: ChatSocket): void {
      for (const userId of book.watchedBy(socket)) book.remove(socket, userId)
    },
    /**
     * What these users may see, or who may see them, may have changed: asks anew, and ends what no longer holds. Its
     * watchers see somebody go, and cannot tell why.
     */
    async recheck(userIds: UserId[]): Promise<void> {
      visibilityChanges.changed(userIds)
      await rechecks.now(userIds)
    },
    /** As `recheck`, for so many that it takes its time: what these users may see. */
    recheckSoon(userIds: UserId[]): void {
      visibilityChanges.changed(userIds)
      rechecks.soon(userIds)
    },
    async [Symbol.asyncDispose]() {
      subscriber.off('smessageBuffer', onMessage)
      subscriber.off('healed', onHealed)
      await Promise.all([looking, expiring, rechecks].map((loop) => loop[Symbol.asyncDispose]()))
    },
  }

  function hide(seenBy: UserId, userId: UserId): void {
    for (const socket of registry.socketsOf(seenBy)) {
      const entry = book.remove(socket, userId)
      if (entry?.told?.state !== undefined)
        socket.emit('presence:changed', { states: [{ userId, online: false }] })
    }
  }
}

export type Watches = ReturnType<typeof startWatches>

function parseNews(message: Buffer): UserId[] {
  try {
    return JSON.parse(message.toString()) as UserId[]
  } catch {
    return []
  }
}
