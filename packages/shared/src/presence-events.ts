import { z } from 'zod'
import { Timestamp } from './entry.ts'
import { ConversationId } from './ids.ts'

/** Whether the app is what the user looks at. */
export const AppState = z.enum(['foreground', 'background'])
export type AppState = z.output<typeof AppState>

export const HeartbeatProfile = z.enum(['foreground', 'background'])
export type HeartbeatProfile = z.output<typeof HeartbeatProfile>

/** How a connection is kept alive, as the server prescribes it. */
export const Heartbeat = z.object({
  profile: HeartbeatProfile,
  /** The server asks for a sign of life this often. */
  intervalMs: z.int(),
  /** Whoever hears nothing for this long after that takes the connection for dead. */
  timeoutMs: z.int(),
})
export type Heartbeat = z.output<typeof Heartbeat>

/** Who is there, and what they are at. None of it is stored in a log. */
export const presenceEvents = {
  'app:state': {
    about:
      'What the app is at on this device: whether it is in front, and which conversation is on screen, if any. While it is in front, a `receipt:deliver` for that conversation moves the read mark too. Tell it on every change; a new socket begins with `appState` of the handshake (`foreground` if absent) and no conversation. `heartbeat` is what the server prescribes for that state; a connection keeps its profile, so an app that will stay in the background connects anew with `heartbeat=background` in the query.',
    request: z.strictObject({ state: AppState, activeConversationId: ConversationId.optional() }),
    reply: z.object({ heartbeat: Heartbeat }),
  },
} as const

export const presenceNews = {
  'session:ready': z
    .object({ heartbeat: Heartbeat, time: Timestamp })
    .describe('The first event on a connection: how it is kept alive, and the time of day on the server.'),
} as const
