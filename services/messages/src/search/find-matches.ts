import type { FoundMessage } from '@parley/shared/search-events'
import { type Run, runsOf } from './terms.ts'

type Snippet = FoundMessage['snippet']
type Match = Snippet['matches'][number]

/** Characters of a snippet, and of them before its first hit, in UTF-16 code units. */
const snippetLength = 160
const lead = 40
const maxMatches = 20

/**
 * Where a text has what was asked for, if it has all of it: the judge of a search, while the index only proposes.
 * A word asked for is the beginning of a word, a joined run is contained in one.
 */
export function findMatches(text: string, asked: Run[]): Match[] | undefined {
  const runs = runsOf(text)
  const matches: Match[] = []
  for (const wanted of asked) {
    const found = runs.flatMap((run) => (run.kind === wanted.kind ? matchesIn(run, wanted.text) : []))
    if (found.length === 0) return undefined
    matches.push(...found)
  }
  return matches.toSorted((a, b) => a.start - b.start || b.length - a.length)
}

/** The piece of a text to show: around the first match, with those that lie wholly in it. */
export function toSnippet(text: string, matches: Match[]): Snippet {
  const first = matches[0]?.start ?? 0
  const start = wholeCharacter(
    text,
    first + snippetLength - lead >= text.length ? text.length - snippetLength : first - lead,
  )
  const end = wholeCharacter(text, start + snippetLength)
  return {
    text: text.slice(start, end),
    matches: withoutOverlaps(matches)
      .filter((match) => match.start >= start && match.start + match.length <= end)
      .slice(0, maxMatches)
      .map((match) => ({ start: match.start - start, length: match.length })),
  }
}

function matchesIn(run: Run, wanted: string): Match[] {
  const places: number[] = []
  if (run.kind === 'word') {
    if (run.text.startsWith(wanted)) places.push(0)
  } else {
    for (let at = run.text.indexOf(wanted); at >= 0; at = run.text.indexOf(wanted, at + wanted.length))
      places.push(at)
  }
  // Where folding changed the length, which character became which is not known.
  if (run.text.length !== run.length)
    return places.slice(0, 1).map(() => ({ start: run.start, length: run.length }))
  return places.map((at) => ({ start: run.start + at, length: wanted.length }))
}

function withoutOverlaps(matches: Match[]): Match[] {
  let end = 0
  return matches.filter((match) => {
    if (match.start < end) return false
    end = match.start + match.length
    return true
  })
}

/** Not between the two halves of a character. */
function wholeCharacter(text: string, at: number): number {
  const place = Math.min(Math.max(at, 0), text.length)
  const unit = text.charCodeAt(place)
  return unit >= 0xdc00 && unit <= 0xdfff ? place - 1 : place
}
