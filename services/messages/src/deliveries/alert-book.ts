import type { Alert } from '@parley/shared/delivery'
import { messageIdOf } from '@parley/shared/ids'
import { digestFor } from '../message-types/digest.ts'
import type { MessageType } from '../message-types/message-type.ts'
import { alertText, type Reader } from './alert.ts'
import type { AlertedEntry, DueRow } from './due-store.ts'
import { isQuiet } from './quiet-hours.ts'

type TypedEntry = AlertedEntry & { registered: MessageType | undefined }

/** The alerts of some entries: each once in the words and with the sound that somebody is told of it, however many they are. */
export function createAlertBook(conversationId: string, entries: TypedEntry[]) {
  const entryOf = new Map(entries.map((entry) => [entry.seq, entry]))
  const alerts: Alert[] = []
  const places = new Map<string, number>()

  function placeOf(entry: TypedEntry, reader: Reader, audible: boolean): number {
    const { locale, preview, isMentioned } = reader
    const key = [entry.seq, locale, preview, isMentioned, audible].join(' ')
    const known = places.get(key)
    if (known !== undefined) return known
    const place =
      alerts.push({
        messageId: messageIdOf(conversationId, entry.seq),
        seq: entry.seq,
        ...alertText({ ...entry, digest: digestFor(entry.registered, entry, locale) }, reader),
        sentAt: entry.sentAt.toISOString(),
        audible,
      }) - 1
    places.set(key, place)
    return place
  }

  return {
    alerts,
    /** Where in `alerts` stands what this device is told, oldest first. */
    placesFor(row: DueRow): number[] {
      const { userId, locale, preview, seqs, audibleAfter } = row
      const newest = seqs.at(-1) ?? 0
      const mayDisturb = newest > audibleAfter && !isQuietFor(row)
      return seqs.flatMap((seq) => {
        const entry = entryOf.get(seq)
        if (!entry) return []
        const isMentioned = entry.mentions?.includes(userId) ?? false
        return [placeOf(entry, { locale, preview, isMentioned }, mayDisturb && seq === newest)]
      })
    },
  }
}

function isQuietFor({ quietFrom: from, quietUntil: until, timeZone }: DueRow): boolean {
  return from !== null && until !== null && timeZone !== null && isQuiet({ from, until, timeZone })
}
