import { encodeEvent } from '@parley/shared/realtime'

/** How the doorbell of an entry begins, up to the time. */
const begins = Buffer.from(
  encodeEvent('entry:new', { entry: { sentAt: '' } } as never).slice(0, -'"}}]'.length),
)
const isoLength = '2026-01-01T00:00:00.000Z'.length

/**
 * When the entry of a doorbell was stored, in milliseconds since the epoch; undefined for any other event. messages
 * writes it first, so the text stays in one piece and nothing that people write is taken for it.
 */
export function storedAt(doorbell: Buffer): number | undefined {
  for (let i = 0; i < begins.length; i++) if (doorbell[i] !== begins[i]) return undefined
  const ms = Date.parse(doorbell.toString('latin1', begins.length, begins.length + isoLength))
  return Number.isNaN(ms) ? undefined : ms
}
