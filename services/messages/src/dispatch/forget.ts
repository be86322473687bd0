import type { Logger } from '@parley/shared/log'
import { startLoop } from '@parley/shared/loop'
import type { Kysely } from 'kysely'
import type { Database } from '../db/schema.ts'
import { type Heirs, removeDispatches } from './store.ts'

/** Far below the time after which the sweep takes a dispatch for forgotten. */
const everyMs = 250
const perStatement = 5_000

/** Deletes dispatches that are through, many with one statement. What it fails to delete is announced again, which is harmless. */
export function createForgetter({ log, db, heirs }: { log: Logger; db: Kysely<Database>; heirs: Heirs }) {
  let done: number[] = []

  async function flush(): Promise<void> {
    while (done.length > 0) {
      const batch = done.slice(0, perStatement)
      done = done.slice(perStatement)
      await removeDispatches(db, batch, heirs)
    }
  }

  const flushing = startLoop({ log, name: 'forget dispatches', everyMs }, flush)
  return {
    forget(dispatchIds: number[]): void {
      done.push(...dispatchIds)
    },
    async [Symbol.asyncDispose]() {
      await flushing[Symbol.asyncDispose]()
      await flush().catch((err: unknown) => log.warn({ err }, 'dispatches are left to the sweep'))
    },
  }
}
