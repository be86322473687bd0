import type { Redis } from 'ioredis'

/** Channels of one command: many save round trips, too many hold up what comes after them. */
const channelsPerCommand = 200

interface ShardEvents {
  onMessage: (channel: Buffer, message: Buffer) => void
  /** It can be asked, for the first time or again; it holds nothing. */
  onReady: () => void
  /** Some subscriptions may have gone, without their names. */
  onDoubt: () => void
}

/** A connection that listens to one primary, and what it is known to hear there. */
export function openShard(client: Redis, { onMessage, onReady, onDoubt }: ShardEvents) {
  const held = new Set<string>()
  let last: Promise<unknown> = Promise.resolve()

  client.on('smessageBuffer', onMessage)
  client.on('ready', onReady)
  client.on('close', () => {
    held.clear()
    onDoubt()
  })
  // ioredis says so when the server ends subscriptions because their slot has moved to another one.
  client.on('moved', onDoubt)
  client.connect().catch(() => undefined)

  /** Redis answers in order, so what was asked last is answered last. */
  function ask<T>(asked: Promise<T>): Promise<T> {
    last = asked.catch(() => undefined)
    return asked
  }

  return {
    held: held as ReadonlySet<string>,
    get isReady(): boolean {
      return client.status === 'ready'
    },
    /** Channels of one slot. Gives those that are held then. */
    async subscribe(channels: string[]): Promise<string[]> {
      const commands = Array.from({ length: Math.ceil(channels.length / channelsPerCommand) }, (_, i) =>
        channels.slice(i * channelsPerCommand, (i + 1) * channelsPerCommand),
      )
      const done = await Promise.allSettled(
        commands.map(async (some) => {
          await ask(client.ssubscribe(...some))
          for (const channel of some) held.add(channel)
          return some
        }),
      )
      return done.flatMap((result) => (result.status === 'fulfilled' ? result.value : []))
    },
    unsubscribe(channel: string): void {
      if (client.status !== 'ready') return
      // Where it is refused the slot has moved, and the channel with it.
      const gone = () => held.delete(channel)
      ask(client.sunsubscribe(channel)).then(gone, gone)
    },
    /** The server has let go of it, or will. */
    forget(channel: string): void {
      held.delete(channel)
    },
    /** Resolves when all that was asked before has been answered. */
    settled: (): Promise<unknown> => last,
    /**
     * Compares with the server's own count, and lets go of everything if it has fewer: then nobody knows which. The
     * asking alone ends the connection to a server that hangs.
     */
    async audit(): Promise<void> {
      const info = String(await client.client('INFO').catch(() => ''))
      const counted = /\bssub=(\d+)/.exec(info)?.[1]
      if (counted === undefined || Number(counted) >= held.size) return
      held.clear()
      onDoubt()
    },
    close(): void {
      client.removeAllListeners()
      client.on('error', () => undefined)
      client.disconnect()
    },
  }
}

export type Shard = ReturnType<typeof openShard>
