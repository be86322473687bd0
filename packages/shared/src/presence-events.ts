import { z } from 'zod'
import { Timestamp } from './entry.ts'
import { ConversationId, UserId } from './ids.ts'

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

const UserIds = z.array(UserId).min(1).max(100)

/** Whether somebody is there. Who may not be seen is away and was never seen. */
export const PresenceState = z.object({
  userId: z.string(),
  online: z.boolean(),
  /** There, but with the app in the background on every device. */
  away: z.boolean().optional(),
  /** When somebody who is not there was there last. */
  lastSeenAt: Timestamp.optional(),
})
export type PresenceState = z.output<typeof PresenceState>

/** Who is there, and what they are at. None of it is stored in a log. */
export const presenceEvents = {
  'app:state': {
    about:
      'What the app is at on this device: whether it is in front, and which conversation is on screen, if any. While it is in front, a `receipt:deliver` for that conversation moves the read mark too. Tell it on every change; a new socket begins with `appState` of the handshake (`foreground` if absent) and no conversation. `heartbeat` is what the server prescribes for that state; a connection keeps its profile, so an app that will stay in the background connects anew with `heartbeat=background` in the query.',
    request: z.strictObject({ state: AppState, activeConversationId: ConversationId.optional() }),
    reply: z.object({ heartbeat: Heartbeat }),
  },
  'presence:read': {
    about: 'Whether these users are there at this moment. Over HTTP `ids` are separated by commas.',
    http: { route: 'GET /v1/presence' },
    request: z.strictObject({
      ids: z.union([
        UserIds,
        z
          .string()
          .max(6_500)
          .transform((ids) => ids.split(','))
          .pipe(UserIds),
      ]),
    }),
    reply: z.object({ states: z.array(PresenceState) }),
  },
  'presence:watch': {
    about:
      'Hears of these users coming and going from now on, or no more. Only contacts and people one shares a conversation with can be seen, as they allow it. Ask again before `expiresInMs` is over to go on; it ends with the connection.',
    request: z.strictObject({ userIds: UserIds, watch: z.boolean() }),
    reply: z.object({ states: z.array(PresenceState), expiresInMs: z.int() }),
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
  'presence:changed': z
    .object({ states: z.array(PresenceState) })
    .describe(
      'Users you watch came or went: coming is told at once, going after a while in which they may come back.',
    ),
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
