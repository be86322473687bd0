/** A stretch of a text that is searched as one: a word, or a run of a script that puts no spaces between words. */
export interface Run {
  kind: 'word' | 'joined'
  /** Folded: without differences of case, width and accents. */
  text: string
  /** Where it is in the text, in UTF-16 code units. */
  start: number
  length: number
}

// Thai, Lao, Khmer and Burmese write words without spaces as Chinese and Japanese do, and Korean hangs particles on
// them. Emoji belong here because a row of them has no words either.
const runs =
  /(?<joined>(?:[[\p{L}\p{M}\p{N}]&&[\p{scx=Han}\p{scx=Hira}\p{scx=Kana}\p{scx=Hang}\p{scx=Bopo}\p{scx=Thai}\p{scx=Lao}\p{scx=Khmr}\p{scx=Mymr}]]|\p{Extended_Pictographic})+)|[[\p{L}\p{M}\p{N}]--[\p{scx=Han}\p{scx=Hira}\p{scx=Kana}\p{scx=Hang}\p{scx=Bopo}\p{scx=Thai}\p{scx=Lao}\p{scx=Khmr}\p{scx=Mymr}]]+/gv

/** Words longer than this are told apart by their beginning alone, until the text itself is looked at. */
const maxWord = 40

export function runsOf(text: string): Run[] {
  return [...text.matchAll(runs)]
    .map((match): Run => {
      const kind = match.groups?.['joined'] === undefined ? 'word' : 'joined'
      return { kind, text: fold(match[0]), start: match.index, length: match[0].length }
    })
    .filter((run) => run.text !== '')
}

/** The terms a text is found by: its words, and each character of a joined run with the one after it. */
export function termsOf(text: string): string[] {
  const terms = runsOf(text).flatMap((run) => (run.kind === 'word' ? [shorten(run.text)] : pairsOf(run.text)))
  return [...new Set(terms)]
}

/** What an index of such terms is asked for one run of a search: at least what contains it. */
export function lookUpsOf(run: Run): { term: string; prefix: boolean }[] {
  if (run.kind === 'word') return [{ term: shorten(run.text), prefix: true }]
  const pairs = pairsOf(run.text)
  if (pairs.length === 1) return [{ term: run.text, prefix: true }]
  return pairs.slice(0, -1).map((term) => ({ term, prefix: false }))
}

/** The last character stands alone. */
function pairsOf(text: string): string[] {
  const characters = Array.from(text)
  return characters.map((character, i) => character + (characters[i + 1] ?? ''))
}

/** Most words are short, and none has more characters than code units. */
const shorten = (word: string) =>
  word.length <= maxWord ? word : Array.from(word).slice(0, maxWord).join('')

const ascii = /^[\0-\x7f]*$/

/** NFKC makes one of the forms that look alike; accents go, as people type without them. ASCII has neither. */
const fold = (text: string) => (ascii.test(text) ? text : withoutAccents(text)).toLowerCase()

const withoutAccents = (text: string) =>
  text
    .normalize('NFKD')
    .replaceAll(/[\u0300-\u036f]/g, '')
    .normalize('NFKC')
