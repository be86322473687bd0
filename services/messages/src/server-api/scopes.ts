import { z } from 'zod'

/** What a key of the server API may do. */
export const Scope = z.enum([
  'users:read',
  'users:write',
  /** Send as the system, or as any user with that user's rights. */
  'messages:send',
  /** Send as a user also where that user may not. */
  'messages:override',
  'messages:recall',
  /** Read any conversation. */
  'entries:read',
  'groups:read',
  'groups:write',
  'types:write',
  'webhooks:write',
])
export type Scope = z.output<typeof Scope>
