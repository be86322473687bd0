/** A conversation whose log goes on after what is indexed. */
export interface Behind {
  conversationId: string
  indexedSeq: number
  lastSeq: number
}

/** Entries of a conversation that are to be indexed: those with a greater number than one, up to another. */
export interface Stretch {
  conversationId: string
  after: number
  upTo: number
}

/**
 * What a round takes of each conversation, so many entries in all: no transaction grows with a backlog, and one that
 * is far behind does not hold up the others. Where there are more conversations than entries the first have one each;
 * else those that can be finished are, and the rest is divided evenly.
 */
export function shareOut(behind: Behind[], entries: number): Stretch[] {
  const shortestFirst = behind
    .slice(0, entries)
    .map((it) => ({ ...it, backlog: it.lastSeq - it.indexedSeq }))
    .toSorted((a, b) => a.backlog - b.backlog)
  let budget = entries
  return shortestFirst.map(({ conversationId, indexedSeq, backlog }, i) => {
    const take = Math.min(backlog, Math.ceil(budget / (shortestFirst.length - i)))
    budget -= take
    return { conversationId, after: indexedSeq, upTo: indexedSeq + take }
  })
}
