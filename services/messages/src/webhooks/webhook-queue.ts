import { jobKind } from '@parley/shared/jobs'
import { z } from 'zod'

/** Most attempts a delivery can be configured to have. */
export const maxAttempts = 25

/** Tell one endpoint of one event. A replay is another round, and so another job. */
export const webhookDelivery = jobKind({
  queue: 'webhook-delivery',
  data: z.object({ deliveryId: z.int(), round: z.int() }),
  // When to come back is said by each failure.
  options: {
    attempts: maxAttempts,
    backoff: { type: 'patient', delay: 5_000 },
    removeOnComplete: true,
    removeOnFail: true,
  },
})
