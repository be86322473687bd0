import { seqOfMessage, type UserId } from '@parley/shared/ids'
import { findConnected } from '@parley/shared/presence'
import type { Context } from '../context.ts'
import { alertKinds } from '../deliveries/due-store.ts'
import { noSuchMessage } from '../errors.ts'
import {
  type ExplainedDevice,
  type ExplainedMember,
  findEntry,
  findMember,
  listAttempts,
  listDevices,
} from './store.ts'

interface Step {
  step: 'committed' | 'doorbell' | 'delivered' | 'push' | 'told' | 'read'
  /** `by`: a watermark is past it and has moved on since, so it happened then or earlier. */
  state: 'done' | 'by' | 'open'
  /** ISO 8601; absent where no time is kept. */
  at?: string
  [detail: string]: unknown
}

export interface Explanation {
  message: Record<string, unknown>
  recipient: Record<string, unknown>
  /** From commit to screen. */
  steps: Step[]
  /** Why nobody is pushed, or not any more. */
  notPushed: string[]
}

/**
 * What happened to a message on its way to a user, and when, from what is stored: never the content. Throws
 * `not_found`.
 */
export async function explainMessage(
  { db, redis }: Pick<Context, 'db' | 'redis'>,
  { messageId, userId }: { messageId: string; userId: UserId },
): Promise<Explanation> {
  const seq = seqOfMessage(messageId)
  const conversationId = messageId.slice(0, messageId.lastIndexOf('.'))
  const entry = seq === undefined ? undefined : await findEntry(db, { conversationId, seq })
  if (seq === undefined || !entry) throw noSuchMessage()
  const place = { conversationId, seq, userId }
  const [member, devices, attempts, connected] = await Promise.all([
    findMember(db, place),
    listDevices(db, userId),
    listAttempts(db, place),
    findConnected(redis, [userId]),
  ])
  const { ringingSince, ...about } = entry
  return {
    message: { messageId, conversationId, seq, ...about },
    recipient: {
      userId,
      member: member !== undefined,
      connected: connected.get(userId) ?? 'no',
      devices,
      ...(member ? { level: member.notifyLevel, levelUntil: member.notifyUntil } : {}),
    },
    steps: [
      { step: 'committed', state: 'done', at: entry.sentAt.toISOString() },
      ringingSince
        ? { step: 'doorbell', state: 'open', lastTriedAt: ringingSince.toISOString() }
        : { step: 'doorbell', state: 'done' },
      ...(member ? [mark('delivered', seq, member.deliveredSeq, member.deliveredAt)] : []),
      ...attempts.map(({ at, ...attempt }): Step => ({
        step: 'push',
        state: 'done',
        at: at.toISOString(),
        ...attempt,
      })),
      ...(member ? [mark('told', seq, member.notifiedSeq, null), readStep(seq, member)] : []),
    ],
    notPushed: member ? whyNotPushed({ ...entry, seq, userId }, member, devices) : ['not-a-member'],
  }
}

function mark(step: Step['step'], seq: number, upTo: number, at: Date | null): Step {
  if (upTo < seq) return { step, state: 'open', upTo }
  return { step, state: upTo === seq ? 'done' : 'by', upTo, ...(at ? { at: at.toISOString() } : {}) }
}

/** A message may be read without those before it, and marked unread again. */
function readStep(seq: number, { marked, readSeq, readAt }: ExplainedMember): Step {
  const step = mark('read', seq, readSeq, readAt)
  return marked ? { ...step, state: marked === 'read' ? 'done' : 'open', marked } : step
}

interface Told {
  seq: number
  userId: string
  senderId: string
  pushed: boolean
  mentions: string[] | null
  sentAt: Date
  recalledAt: Date | null
}

/** The rules of `deliveries/due-store.ts` in words, each by itself. */
function whyNotPushed(entry: Told, member: ExplainedMember, devices: ExplainedDevice[]): string[] {
  const { seq } = entry
  const reachable = devices.some(({ tokens }) => tokens.some(({ kind }) => alertKinds.includes(kind)))
  const reasons: [string, boolean][] = [
    ['own', entry.senderId === entry.userId],
    ['type-not-pushed', !entry.pushed],
    ['recalled', entry.recalledAt !== null],
    ['hidden-by-user', member.hidden],
    ['before-joining', seq <= member.joinedSeq],
    ['cleared-by-user', seq <= member.clearedSeq],
    ['silenced-by-user', isSilenced(entry, member)],
    ['no-push-token', !reachable],
    ['delivered', seq <= member.deliveredSeq],
    ['read', seq <= member.readSeq || member.marked === 'read'],
  ]
  return reasons.flatMap(([reason, holds]) => (holds ? [reason] : []))
}

function isSilenced(
  { userId, mentions, sentAt }: Told,
  { notifyLevel, notifyUntil, mentionAll }: ExplainedMember,
): boolean {
  if (notifyLevel === 'all' || (notifyUntil && sentAt >= notifyUntil)) return false
  if (notifyLevel === 'mentions' && mentions?.includes(userId)) return false
  return !(mentionAll && mentions?.includes('@all'))
}
