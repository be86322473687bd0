import { Timestamp } from '@parley/shared/entry'
import { type UserId, messageIdOf } from '@parley/shared/ids'
import type { ClientReply, ClientRequest } from '@parley/shared/protocol'
import type { FoundMessage } from '@parley/shared/search-events'
import { z } from 'zod'
import type { Context } from '../context.ts'
import { nothingToSearch, searchIsOff, tooManyWords } from '../errors.ts'
import { decodePosition, encodePosition } from '../log/opaque-position.ts'
import { findMatches, toSnippet } from './find-matches.ts'
import { searchableText } from './searchable-text.ts'
import * as store from './store.ts'
import { lookUpsOf, type Run, runsOf } from './terms.ts'

const maxWords = 8
/** Of candidates, before a page is given out short. */
const maxRounds = 4

const Position = z.tuple([Timestamp, z.string().max(64), z.int().min(0)])
type Place = NonNullable<Parameters<typeof store.listCandidates>[1]['after']>

/**
 * A page of the messages that have all the words, of those the user may read at this moment. The index proposes,
 * the message as it is now decides: what was edited away or recalled is not found, however far behind the index is.
 */
export async function searchMessages(
  ctx: Pick<Context, 'config' | 'searcher' | 'searchLimits'>,
  userId: UserId,
  { words, next, limit, ...filters }: ClientRequest<'message:search'>,
): Promise<ClientReply<'message:search'>> {
  if (!ctx.config.search.enabled) throw searchIsOff()
  ctx.searchLimits.take(userId)
  const asked = distinctRuns(words)
  if (asked.length === 0) throw nothingToSearch()
  if (asked.length > maxWords) throw tooManyWords(maxWords)
  const query = {
    userId,
    terms: asked.flatMap(lookUpsOf),
    conversationId: filters.conversationId ?? null,
    senderId: filters.senderId ?? null,
    type: filters.type ?? null,
    since: filters.since ?? null,
    until: filters.until ?? null,
    limit: limit + 1,
  }
  const messages: FoundMessage[] = []
  let after = next === undefined ? null : fromText(next)
  for (let round = 0; round < maxRounds; round++) {
    const position = after
    const candidates = await ctx.searcher.run((db) => store.listCandidates(db, { ...query, after: position }))
    for (const candidate of candidates) {
      if (messages.length === limit) return { messages, ...(after ? { next: toText(after) } : {}) }
      const found = candidate.visible ? toFound(candidate, asked) : undefined
      if (found) messages.push(found)
      after = candidate
    }
    if (candidates.length <= limit) return { messages }
  }
  return { messages, ...(after ? { next: toText(after) } : {}) }
}

function distinctRuns(words: string): Run[] {
  return [...new Map(runsOf(words).map((run) => [run.text, run])).values()]
}

function toFound(candidate: store.Candidate, asked: Run[]): FoundMessage | undefined {
  const text = searchableText(candidate)
  const matches = findMatches(text, asked)
  if (!matches) return undefined
  const { conversationId, seq, senderId, type, sentAt, editedAt } = candidate
  return {
    messageId: messageIdOf(conversationId, seq),
    conversationId,
    seq,
    senderId,
    type,
    sentAt: sentAt.toISOString(),
    ...(editedAt ? { editedAt: editedAt.toISOString() } : {}),
    snippet: toSnippet(text, matches),
  }
}

const toText = ({ position, conversationId, seq }: Place) =>
  encodePosition<typeof Position>([position, conversationId, seq])

function fromText(text: string): Place {
  const [position, conversationId, seq] = decodePosition(Position, text)
  return { position, conversationId, seq }
}
