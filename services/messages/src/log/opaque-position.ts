import { checkBounds } from '@parley/shared/bounds'
import type { z } from 'zod'
import { badCursor } from '../errors.ts'

/** A place to go on from, as clients carry it: opaque to them. */
export function encodePosition<Position extends z.ZodType>(position: z.input<Position>): string {
  return Buffer.from(JSON.stringify(position)).toString('base64url')
}

/**
 * Not trusted: it only chooses among what its bearer may see anyway. What is in it passes the same bounds as everything
 * from outside, which the request's own did not look into. Error: `invalid_request`.
 */
export function decodePosition<Position extends z.ZodType>(
  Position: Position,
  text: string,
): z.output<Position> {
  try {
    const position: unknown = JSON.parse(Buffer.from(text, 'base64url').toString())
    checkBounds(position)
    return Position.parse(position)
  } catch {
    throw badCursor()
  }
}
