import { hash } from 'node:crypto'

/**
 * Goes before every term of a conversation (ADR 21), here as in the statement that searches. Two conversations that
 * share it cost a little time and nothing else.
 */
const markOf = (conversationId: string) => hash('sha256', conversationId, 'base64').slice(0, 4)

/** The terms of a message in the text form of a tsvector (PostgreSQL 18, 8.11.1). */
export function vectorOf({ conversationId, terms }: { conversationId: string; terms: string[] }): string {
  const mark = markOf(conversationId)
  return terms.map((term) => `'${mark}${escape(term)}'`).join(' ')
}

const special = /['\\]/g

/** Terms are letters and digits, of which a folded one may hold anything. */
const escape = (term: string) => (term.search(special) < 0 ? term : term.replaceAll(special, '$&$&'))
