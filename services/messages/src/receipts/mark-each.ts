import type { Reading } from './store.ts'

/** Of a conversation and member: read and unread ones together. */
export const maxMarked = 1_000

type Marked = Pick<Reading, 'readSeqs' | 'unreadSeqs'>

/**
 * Marks single messages read or unread. What the watermark says anyway is not kept, only what departs from it, and
 * `changed` are the messages that were not as they are wanted.
 */
export function markEach(
  { readSeq, floorSeq, ...marked }: Reading,
  seqs: number[],
  read: boolean,
): Marked & { changed: number[] } {
  const readSeqs = new Set(marked.readSeqs.filter((seq) => seq > readSeq && seq > floorSeq))
  const unreadSeqs = new Set(marked.unreadSeqs.filter((seq) => seq <= readSeq && seq > floorSeq))
  const changed = [...new Set(seqs)].filter((seq) => {
    const exceptions = seq > readSeq ? readSeqs : unreadSeqs
    const isException = seq > readSeq === read
    if (exceptions.has(seq) === isException) return false
    if (isException) exceptions.add(seq)
    else exceptions.delete(seq)
    return true
  })
  const ordered = (some: Set<number>) => [...some].toSorted((a, b) => a - b)
  return { readSeqs: ordered(readSeqs), unreadSeqs: ordered(unreadSeqs), changed }
}
