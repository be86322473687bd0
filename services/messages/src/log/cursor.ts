import { z } from 'zod'
import { badCursor } from '../errors.ts'

const xid = z.string().regex(/^\d{1,20}$/)

/**
 * Where a device stands in its sync. `since`: what changed before this transaction it has. `next`: what it
 * will have when the pages are through. `after`: the last conversation of the page before.
 */
const Cursor = z.object({
  epoch: z.uuid(),
  since: xid.nullable(),
  next: xid,
  after: z.object({ lastAt: z.iso.datetime(), conversationId: z.string().max(64) }).nullable(),
})
export type Cursor = z.output<typeof Cursor>

export function encodeCursor(cursor: Cursor): string {
  return Buffer.from(JSON.stringify(cursor)).toString('base64url')
}

/** Opaque to clients, and not trusted: it only chooses among what its bearer may see anyway. */
export function decodeCursor(text: string): Cursor {
  try {
    return Cursor.parse(JSON.parse(Buffer.from(text, 'base64url').toString()))
  } catch {
    throw badCursor()
  }
}
