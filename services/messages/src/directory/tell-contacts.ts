import type { Logger } from '@parley/shared/log'
import { startLoop } from '@parley/shared/loop'
import type { Kysely } from 'kysely'
import { listContactsOf, touchContact } from '../contacts/store.ts'
import type { Database } from '../db/schema.ts'
import type { Dispatcher } from '../dispatch/dispatcher.ts'
import { type AppendedOwn, announceOwn, appendOwn, holdOwnLogs } from '../own-log/append-own.ts'
import { toProfile } from './profile.ts'
import * as store from './store.ts'

const everyMs = 500
const contactsAtOnce = 50
const roundsAtOnce = 20

interface TellOptions {
  log: Logger
  db: Kysely<Database>
  dispatcher: Dispatcher
}

/**
 * Tells the contacts of whoever changed their profile, some at a time, each in their own log, so that rosters hear
 * of it like of any other change. What is told and how far goes into one transaction: a crash neither leaves
 * anybody out nor tells anybody twice.
 */
export function startTellingContacts({ log, db, dispatcher }: TellOptions): AsyncDisposable {
  async function tellSome(): Promise<boolean> {
    const appended = await db.transaction().execute(async (trx): Promise<AppendedOwn[] | undefined> => {
      const change = await store.takeProfileChange(trx)
      const profile = change && (await store.findProfile(trx, change.userId))
      if (!profile) return undefined
      const { userId, toldUntil } = change
      const page = await listContactsOf(trx, { userId, after: toldUntil, limit: contactsAtOnce })
      const last = page.at(-1)
      if (last === undefined) await store.removeProfileChange(trx, userId)
      else await store.advanceProfileChange(trx, userId, last)
      if (page.length === 0) return []
      await holdOwnLogs(trx, page)
      // Whoever ceased to be a contact before the logs were held is not told.
      const contacts = await listContactsOf(trx, { userId, after: toldUntil, limit: contactsAtOnce })
      const told = contacts.filter((contactId) => page.includes(contactId))
      const entries = told.map((contactId) => ({
        userId: contactId,
        senderId: userId,
        kind: 'contact' as const,
        type: 'contact.profile',
        content: toProfile(profile),
        counted: false,
        pushed: false,
      }))
      const rows = await appendOwn(trx, entries)
      for (const { entry, seq } of rows) await touchContact(trx, entry.userId, userId, seq)
      return rows
    })
    announceOwn({ dispatcher }, appended ?? [])
    return appended !== undefined
  }

  return startLoop({ log, name: 'profile changes', everyMs }, async () => {
    for (let round = 0; round < roundsAtOnce; round++) if (!(await tellSome())) return
  })
}
