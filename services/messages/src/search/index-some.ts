import type { Transaction } from 'kysely'
import type { Database } from '../db/schema.ts'
import * as store from './index-store.ts'
import { searchableText } from './searchable-text.ts'
import { type Behind, shareOut } from './share-out.ts'
import { termsOf } from './terms.ts'

/** Of a backlog, so that no round reads all of it. */
const atOnce = { rows: 500, names: 5_000 }

interface Round {
  /** How many were indexed, anew or changed. */
  messages: number
  /** How many of the conversations that were looked at are not done. */
  unfinished: number
}

/** Brings into the index so many entries of conversations that were noted to have grown, and notes anew what is left. */
export async function indexSome(trx: Transaction<Database>, entries: number): Promise<Round> {
  const pending = await store.listPending(trx, atOnce)
  if (pending.length === 0) return { messages: 0, unfinished: 0 }
  const behind = await store.listBehind(trx, [...new Set(pending.flatMap((note) => note.conversationIds))])
  const stretches = shareOut(behind, entries)
  const changed = stretches.length > 0 ? await store.listChanged(trx, stretches) : []
  const documents = changed.map((message) => ({ ...message, terms: termsOfMessage(message) }))
  await store.upsertDocuments(
    trx,
    documents.filter(({ terms }) => terms.length > 0),
  )
  await store.removeDocuments(
    trx,
    documents.filter(({ terms }) => terms.length === 0),
  )
  if (stretches.length > 0) await store.advanceProgress(trx, stretches)

  const reached = new Map(stretches.map(({ conversationId, upTo }) => [conversationId, upTo]))
  const untouched = behind.filter(({ conversationId }) => !reached.has(conversationId))
  const unfinished = behind.filter(
    ({ conversationId, lastSeq }) => (reached.get(conversationId) ?? lastSeq) < lastSeq,
  )
  const takenTo = newestOf(changed)
  await store.replacePending(trx, pending, {
    untouched: untouched.map(idOf),
    unfinished: unfinished.map(({ conversationId }) => ({
      conversationId,
      takenTo: takenTo.get(conversationId),
    })),
  })
  return { messages: documents.length, unfinished: untouched.length + unfinished.length }
}

const termsOfMessage = (message: store.Changed) =>
  message.recalledAt ? [] : termsOf(searchableText(message))

/** When the newest message of each conversation among these was sent. */
function newestOf(changed: store.Changed[]): Map<string, Date> {
  const newest = new Map<string, store.Changed>()
  for (const message of changed)
    if (message.seq > (newest.get(message.conversationId)?.seq ?? 0))
      newest.set(message.conversationId, message)
  return new Map([...newest].map(([conversationId, { sentAt }]) => [conversationId, new Date(sentAt)]))
}

const idOf = ({ conversationId }: Behind) => conversationId
