/** A key that is there already: what was committed before, or a race for it. */
export const isDuplicate = (cause: unknown) => sqlState(cause) === uniqueViolation

/** Class 22: the data itself is refused. */
export const isRefusedData = (cause: unknown) => sqlState(cause).startsWith('22')

/** Connection lost, server going down or coming up, too many connections, deadlock, serialization, a race on a unique key. */
export function isTransient(cause: unknown): boolean {
  const state = sqlState(cause)
  if (state === '') return true
  return /^(08|57P|40)/.test(state) || state === uniqueViolation || state === tooManyConnections
}

const uniqueViolation = '23505'
const tooManyConnections = '53300'

/** PostgreSQL, appendix A. Empty where Postgres said nothing. */
function sqlState(cause: unknown): string {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
  return /^[0-9A-Z]{5}$/.test(code) ? code : ''
}
