import type { RedisClient } from '@parley/shared/redis'
import type { Logger } from 'pino'
import type { ConnectionEvent } from '../http2/client.ts'
import type { SendPush } from './provider.ts'

/** What a provider needs of its surroundings. */
export interface SetOptions {
  redis: RedisClient
  log: Logger
  /** How long a push may wait for a connection before it is given back unsent; what the provider's policy says if absent. */
  pendingTimeoutMs?: number
  /** Whether connections are opened before there is anything to send. */
  warm?: boolean
  /** Counts tokens made to authorise this service. */
  minted: () => void
  /** Counts what happens to connections. */
  count: (event: ConnectionEvent) => void
  /** Counts that the provider refused these credentials as a whole. */
  refused: () => void
}

/** One set of credentials in use: its connections, its authorization, its rest. Sets share nothing. */
export interface OpenedSet extends AsyncDisposable {
  send: SendPush
}
