import { z } from 'zod'
import type { Http2Answer } from '../../http2/request.ts'

const Refusal = z.object({
  reason: z.string().max(100),
  /** With 410: milliseconds since the epoch. */
  timestamp: z.number().min(0).max(8.64e15).optional().catch(undefined),
})
export type ApnsRefusal = z.output<typeof Refusal>

/** The body of a refusal; one that is not APNs' own JSON has only its status to go by. */
export function readRefusal({ body, status }: Pick<Http2Answer, 'body' | 'status'>): ApnsRefusal {
  try {
    return Refusal.parse(JSON.parse(body))
  } catch {
    return { reason: `status-${status}` }
  }
}
