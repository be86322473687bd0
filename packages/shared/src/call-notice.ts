import { z } from 'zod'
import { ConversationId, UserId } from './ids.ts'

/** All a phone needs to show an incoming call at once. */
export const CallNotice = z.object({
  /** Also what the phone's system knows the call by (CallKit takes a UUID). */
  callId: z.uuid(),
  conversationId: ConversationId,
  callerId: UserId,
  callerName: z.string().max(128),
  media: z.enum(['audio', 'video']),
  startedAt: z.iso.datetime(),
  /** The moment it rings out. A device that hears of it later shows nothing. */
  ringUntil: z.iso.datetime(),
})
export type CallNotice = z.output<typeof CallNotice>
