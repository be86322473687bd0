import { builtInSwitches } from '@parley/shared/content'
import type { Context } from '../context.ts'
import { noSuchType, tooManyTypes } from '../errors.ts'
import type { MessageType, MessageTypeSetting } from './message-type.ts'
import * as store from './store.ts'

/** Every instance holds all of them in memory. */
const maxTypes = 1_000

type TypeContext = Pick<Context, 'db' | 'messageTypes'>

/** Registers a type of the app's own, or changes it; messages that were sent before stay as they are. Error: `conflict`. */
export async function registerType(
  { db, messageTypes }: TypeContext,
  type: string,
  { switches, digest, digests, maxBytes }: MessageTypeSetting,
): Promise<MessageType> {
  const given = Object.fromEntries(Object.entries(switches).filter(([, value]) => value !== undefined))
  const registered: MessageType = {
    type,
    switches: { ...builtInSwitches(type), ...given },
    digest: digest ?? null,
    digests,
    maxBytes: maxBytes ?? null,
  }
  await db.transaction().execute(async (trx) => {
    await store.lockTypes(trx)
    const types = await store.listTypes(trx)
    if (types.length >= maxTypes && !types.some((known) => known.type === type)) throw tooManyTypes(maxTypes)
    await store.upsertType(trx, registered)
  })
  await messageTypes.refresh()
  return registered
}

/** Its messages are from then on like those of any type nobody registered. Error: `not_found`. */
export async function removeType({ db, messageTypes }: TypeContext, type: string): Promise<void> {
  if (!(await store.removeType(db, type))) throw noSuchType()
  await messageTypes.refresh()
}
