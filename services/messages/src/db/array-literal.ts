/**
 * Arrays in the text form Postgres reads (PostgreSQL 18, 8.15.2). pg would make one of each array as well, element by
 * element and of any type; a batch has a dozen of them, whose types are known.
 */
export const textArray = (values: (string | null)[]): string => `{${values.map(quote).join(',')}}`

/** Of values as JSON, whose text has no characters but these two to be escaped: just as JSON escapes a text. */
export const jsonArray = (values: object[]): string =>
  `{${values.map((value) => JSON.stringify(JSON.stringify(value))).join(',')}}`

/** Of numbers, or of anything else whose text needs no quotes. */
export const plainArray = (values: (number | null)[]): string =>
  `{${values.map((value) => value ?? 'null').join(',')}}`

export const booleanArray = (values: boolean[]): string =>
  `{${values.map((value) => (value ? 't' : 'f')).join(',')}}`

const escaped = /["\\]/g

function quote(value: string | null): string {
  if (value === null) return 'null'
  return `"${value.search(escaped) < 0 ? value : value.replaceAll(escaped, String.raw`\$&`)}"`
}
