import type { UserId } from '@parley/shared/ids'
import { startLoop } from '@parley/shared/loop'
import { newsChannelOf } from '@parley/shared/presence'
import type { Context } from '../context.ts'

const gatherMs = 250
/** Beyond this nothing more is remembered; who watches asks again within a minute anyway. */
const maxGathered = 50_000
const maxInOne = 1_000

export type News = ReturnType<typeof startNews>

/**
 * Tells other gateways whose presence has changed, and not how: who watches asks Redis. What comes within a moment goes
 * together, one message for each channel that is concerned; under load it waits.
 */
export function startNews({ publisher, log, load }: Pick<Context, 'publisher' | 'log' | 'load'>) {
  const gathered = new Set<UserId>()

  async function tell(): Promise<void> {
    if (gathered.size === 0) return
    const byChannel = Map.groupBy(gathered, newsChannelOf)
    gathered.clear()
    const messages = [...byChannel].flatMap(([channel, userIds]) =>
      Array.from({ length: Math.ceil(userIds.length / maxInOne) }, (_, i) => ({
        channel,
        text: JSON.stringify(userIds.slice(i * maxInOne, (i + 1) * maxInOne)),
      })),
    )
    await Promise.all(messages.map(({ channel, text }) => publisher.spublish(channel, text)))
  }

  const telling = startLoop({ log, name: 'presence news', everyMs: gatherMs }, async () => {
    if (!load.isHigh()) await tell()
  })

  return {
    add(userId: UserId): void {
      if (gathered.size < maxGathered) gathered.add(userId)
    },
    async [Symbol.asyncDispose]() {
      await telling[Symbol.asyncDispose]()
      await tell().catch((err: unknown) => log.warn({ err }, 'news of presence were not told'))
    },
  }
}
