import { encodeEvent } from '@parley/shared/realtime'

/** How the doorbell of an entry begins, whatever the entry. */
const entryBegins = Buffer.from(encodeEvent('entry:new', {} as never).slice(0, -'{}]'.length))
const sentAtBegins = Buffer.from('"sentAt":"')
const isoLength = '2026-01-01T00:00:00.000Z'.length

/**
 * When the entry of a doorbell was stored, in milliseconds since the epoch; undefined for any other event. It is
 * found in the text, which stays in one piece: messages writes it before the content, and what stands before that
 * cannot hold an unescaped quotation mark.
 */
export function storedAt(doorbell: Buffer): number | undefined {
  const isEntry = doorbell.length > entryBegins.length && doorbell.indexOf(entryBegins) === 0
  if (!isEntry) return undefined
  const at = doorbell.indexOf(sentAtBegins, entryBegins.length)
  if (at < 0) return undefined
  const from = at + sentAtBegins.length
  const ms = Date.parse(doorbell.toString('latin1', from, from + isoLength))
  return Number.isNaN(ms) ? undefined : ms
}
