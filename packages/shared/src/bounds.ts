import { AppError } from './errors.ts'

/** Outer limits of anything a client may send, checked before its schema is. */
export const bounds = { depth: 16, keys: 200, items: 1_000, textBytes: 16_384 } as const

/**
 * Refuses what no schema should have to look at: nesting, breadth, text that Postgres cannot store.
 * Stops at the first excess, so hostile input costs no more than the limits allow.
 */
export function checkBounds(value: unknown, depth = 0): void {
  if (typeof value === 'string') return checkText(value)
  if (typeof value !== 'object' || value === null) return
  if (depth >= bounds.depth) throw new AppError('payload_too_deep', `nested deeper than ${bounds.depth}`)
  if (Array.isArray(value)) {
    if (value.length > bounds.items)
      throw new AppError('too_large', `a list holds at most ${bounds.items} items`)
    for (const item of value) checkBounds(item, depth + 1)
    return
  }
  if (ArrayBuffer.isView(value)) throw new AppError('invalid_request', 'binary is not accepted here')
  let keys = 0
  for (const key in value) {
    if (++keys > bounds.keys) throw new AppError('too_large', `an object holds at most ${bounds.keys} keys`)
    checkText(key)
    if (key === '__proto__') throw new AppError('invalid_request', 'reserved key')
    checkBounds((value as Record<string, unknown>)[key], depth + 1)
  }
}

// Postgres refuses NUL in text and half a surrogate pair in jsonb.
function checkText(text: string): void {
  if (text.includes('\0')) throw new AppError('invalid_request', 'text holds a NUL character')
  if (!text.isWellFormed()) throw new AppError('invalid_request', 'text is not well-formed Unicode')
}
