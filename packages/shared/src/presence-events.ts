import { z } from 'zod'
import { ConversationId } from './ids.ts'

/** Whether the app is what the user looks at. */
export const AppState = z.enum(['foreground', 'background'])
export type AppState = z.output<typeof AppState>

/** Who is there, and what they are at. None of it is stored in a log. */
export const presenceEvents = {
  'app:state': {
    about:
      'What the app is at on this device: whether it is in front, and which conversation is on screen, if any. While it is in front, a `receipt:deliver` for that conversation moves the read mark too. Tell it on every change; a new socket begins with `appState` of the handshake (`foreground` if absent) and no conversation.',
    request: z.strictObject({ state: AppState, activeConversationId: ConversationId.optional() }),
    reply: z.object({}),
  },
} as const
