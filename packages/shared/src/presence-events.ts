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
  'typing:set': {
    about:
      'The user types in a conversation, or has stopped. Say it again every 3 seconds while it goes on. Told to the other members who are connected, and never kept; `relayed` is false where it was left out: under load, and in groups of more than 200.',
    request: z.strictObject({ conversationId: ConversationId, typing: z.boolean() }),
    reply: z.object({ relayed: z.boolean() }),
  },
} as const

export const presenceNews = {
  'session:ready': z
    .object({ heartbeat: Heartbeat, time: Timestamp })
    .describe('The first event on a connection: how it is kept alive, and the time of day on the server.'),
  'typing:changed': z
    .object({
      conversationId: z.string(),
      userId: z.string(),
      typing: z.boolean(),
      /** Forget it after this, unless it is said again. */
      expiresInMs: z.int(),
    })
    .describe('Somebody types, or has stopped. It may be lost.'),
} as const
