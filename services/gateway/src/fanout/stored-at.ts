import { encodeEvent } from '@parley/shared/realtime'

/** How the doorbell of an entry begins, up to the time. */
const begins = Buffer.from(
  encodeEvent('entry:new', { entry: { sentAt: '' } } as never).slice(0, -'"}}]'.length),
)

/**
 * When the entry of a doorbell was stored, in milliseconds since the epoch; undefined for any other event. messages
 * writes it first, so the text stays in one piece and nothing that people write is taken for it. Read digit by digit, since
 * every gateway does it for every entry it hears and `Date.parse` takes ten times as long.
 */
export function storedAt(doorbell: Buffer): number | undefined {
  for (let i = 0; i < begins.length; i++) if (doorbell[i] !== begins[i]) return undefined
  // As in 2026-01-31T23:59:59.999Z.
  const number = (from: number, to: number) => numberAt(doorbell, begins.length + from, begins.length + to)
  const [year, month, day] = [number(0, 4), number(5, 7), number(8, 10)]
  const ms = Date.UTC(year, month - 1, day, number(11, 13), number(14, 16), number(17, 19), number(20, 23))
  return Number.isNaN(ms) ? undefined : ms
}

const zero = 0x30

/** Of digits; NaN if one of them is none. */
function numberAt(text: Buffer, from: number, to: number): number {
  let number = 0
  for (let i = from; i < to; i++) {
    const digit = (text[i] ?? 0) - zero
    number = digit >= 0 && digit <= 9 ? number * 10 + digit : Number.NaN
  }
  return number
}
