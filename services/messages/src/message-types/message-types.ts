import type { Logger } from '@parley/shared/log'
import { startLoop } from '@parley/shared/loop'
import type { Kysely } from 'kysely'
import type { Database } from '../db/schema.ts'
import type { MessageType } from './message-type.ts'
import * as store from './store.ts'

/** How long an instance may go by what a type was before, give or take a quarter. */
const everyMs = 5_000

type Types = Map<string, MessageType>

/**
 * The app's own types as this instance knows them. They are read when the first is asked for and every few seconds
 * from then on, so sends wait for Postgres once and never after; while it is away the last known hold.
 */
export function createMessageTypes({ log, db }: { log: Logger; db: Kysely<Database> }) {
  let known: Types | undefined
  let loading: Promise<Types> | undefined
  let refreshing: AsyncDisposable | undefined

  async function refresh(): Promise<void> {
    await load()
  }

  async function load(): Promise<Types> {
    const types = await store.listTypes(db)
    known = new Map(types.map((type) => [type.type, type]))
    return known
  }

  function first(): Promise<Types> {
    refreshing ??= startLoop({ log, name: 'message types', everyMs }, refresh)
    loading ??= load().finally(() => {
      loading = undefined
    })
    return loading
  }

  // Not waited for: the first to ask finds it there, or asks again.
  void first().catch(() => undefined)

  return {
    /**
     * Undefined for a type that is not registered. A promise only until the types were read: sends that were made one
     * after the other shall not change places because of what they are.
     */
    find(type: string): MessageType | undefined | Promise<MessageType | undefined> {
      // Only an app's own types have a dot in their names.
      if (!type.includes('.')) return undefined
      return known ? known.get(type) : first().then((types) => types.get(type))
    },
    /** Makes a registration hold on this instance at once. */
    refresh,
    async [Symbol.asyncDispose]() {
      await refreshing?.[Symbol.asyncDispose]()
    },
  }
}

export type MessageTypes = ReturnType<typeof createMessageTypes>
