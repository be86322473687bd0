import type { Span } from '../dispatch/store.ts'

/** Entries that were just committed, and the version of the members they were committed under, where it is known. */
export interface NotedSpan extends Span {
  membersVersion: number | undefined
  /** The `traceparent` of the first of them whose trace is recorded. */
  trace?: string | undefined
}

/** Entries whose silence is waited out, and those that came meanwhile, whose wait begins when this one ends. */
interface Silence extends NotedSpan {
  dueAt: number
  next?: NotedSpan
}

/**
 * Entries whose answers are waited for, for so long, in at most so many conversations. One wait at a time for each
 * conversation, so that an entry waits at most twice as long.
 */
export function createSilences({ waitMs, most }: { waitMs: number; most: number }) {
  const silences = new Map<string, Silence>()

  function begin(span: NotedSpan): void {
    const running = silences.get(span.conversationId)
    if (running?.next) widen(running.next, span)
    else if (running) running.next = { ...span }
    else if (silences.size < most) silences.set(span.conversationId, { ...span, dueAt: Date.now() + waitMs })
  }

  return {
    waitMs,
    begin,
    /** Those whose wait is over, the oldest first. */
    takeEnded(limit: number): NotedSpan[] {
      const now = Date.now()
      const ended = [
        ...silences
          .values()
          .filter(({ dueAt }) => dueAt <= now)
          .take(limit),
      ]
      for (const { conversationId, next } of ended) {
        silences.delete(conversationId)
        if (next) begin(next)
      }
      return ended.map(spanOf)
    },
  }
}

const spanOf = ({ conversationId, firstSeq, lastSeq, membersVersion, trace }: NotedSpan): NotedSpan => ({
  conversationId,
  firstSeq,
  lastSeq,
  membersVersion,
  trace,
})

export function widen(known: NotedSpan, span: NotedSpan): void {
  known.firstSeq = Math.min(known.firstSeq, span.firstSeq)
  known.lastSeq = Math.max(known.lastSeq, span.lastSeq)
  known.membersVersion = span.membersVersion
  known.trace ??= span.trace
}
