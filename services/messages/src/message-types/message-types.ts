import type { Logger } from '@parley/shared/log'
import { startLoop } from '@parley/shared/loop'
import type { Kysely } from 'kysely'
import type { Database } from '../db/schema.ts'
import type { MessageType } from './message-type.ts'
import * as store from './store.ts'

/** How long an instance may go by what a type was before, give or take a quarter. */
const everyMs = 5_000

/**
 * The app's own types as this instance knows them. They are read when the first is asked for and every few seconds
 * from then on, so sends wait for Postgres once and never after; while it is away the last known hold.
 */
export function createMessageTypes({ log, db }: { log: Logger; db: Kysely<Database> }) {
  let known: Promise<Map<string, MessageType>> | undefined
  let refreshing: AsyncDisposable | undefined

  async function refresh(): Promise<void> {
    const types = await load()
    known = Promise.resolve(types)
  }

  async function load(): Promise<Map<string, MessageType>> {
    return new Map((await store.listTypes(db)).map((type) => [type.type, type]))
  }

  function first(): Promise<Map<string, MessageType>> {
    const loading = load()
    known = loading
    refreshing ??= startLoop({ log, name: 'message types', everyMs }, refresh)
    loading.catch(() => {
      if (known === loading) known = undefined
    })
    return loading
  }

  // Not waited for: the first to ask finds it there, or asks again.
  void first().catch(() => undefined)

  return {
    /** Undefined for a type that is not registered. */
    async find(type: string): Promise<MessageType | undefined> {
      // Only an app's own types have a dot in their names.
      return type.includes('.') ? (await (known ?? first())).get(type) : undefined
    },
    /** Makes a registration hold on this instance at once. */
    refresh,
    async [Symbol.asyncDispose]() {
      await refreshing?.[Symbol.asyncDispose]()
    },
  }
}

export type MessageTypes = ReturnType<typeof createMessageTypes>
