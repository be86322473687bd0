import { createBatcher } from '@parley/shared/batcher'
import type { AppError } from '@parley/shared/errors'
import type { ConversationId, UserId } from '@parley/shared/ids'
import type { Logger } from '@parley/shared/log'
import type { ReceiptKind } from '@parley/shared/protocol'
import { type Announcer, encodeEvent, userRoom } from '@parley/shared/realtime'
import type { MarkCall } from '@parley/shared/rpc'
import type { Pool } from 'pg'
import type { Withdrawals } from '../deliveries/withdrawals.ts'
import { notAMember } from '../errors.ts'
import { markedRing } from './marked-ring.ts'
import { type Mark, type MovedMark, moveWatermarks } from './store.ts'

interface MarkerOptions {
  pool: Pool
  announcer: Announcer
  withdrawals: Withdrawals
  log: Logger
}

/** Moves delivered and read watermarks, many at a time: one statement per batch, whoever they are of. */
export function createMarker({ pool, announcer, withdrawals, log }: MarkerOptions) {
  const batcher = createBatcher<MarkCall, { seq: number }>({ maxBatch: 1_000, maxQueued: 20_000, run })

  async function run(calls: MarkCall[]): Promise<({ seq: number } | AppError)[]> {
    const standings = new Map((await moveWatermarks(pool, merge(calls))).map((mark) => [keyOf(mark), mark]))
    announce([...standings.values()])
    const read = [...standings.values()].filter((mark) => mark.readSeq > mark.readBefore || isReadAgain(mark))
    withdrawals.note(read.map(({ userId }) => userId))
    return calls.map((call) => {
      const standing = standings.get(keyOf(call))
      if (!standing) return notAMember()
      return { seq: call.kind === 'read' ? standing.readSeq : standing.deliveredSeq }
    })
  }

  function announce(moved: MovedMark[]): void {
    const rings = moved.flatMap((mark) => [
      ...ringsOf(mark, 'delivered'),
      ...ringsOf(mark, 'read'),
      ...ringsOfReadAgain(mark),
    ])
    announcer.ring(rings).catch((err: unknown) => log.warn({ err }, 'receipts were not announced'))
  }

  return { mark: (call: MarkCall) => batcher.add(call) }
}

export type Marker = ReturnType<typeof createMarker>

const keyOf = ({ userId, conversationId }: { userId: string; conversationId: string }) =>
  `${userId}\n${conversationId}`

/** One row each: what is read is delivered too. */
function merge(calls: MarkCall[]): Mark[] {
  const marks = new Map<string, Mark>()
  for (const call of calls) {
    const mark = marks.get(keyOf(call)) ?? {
      userId: call.userId,
      conversationId: call.conversationId,
      delivered: 0,
      read: 0,
    }
    mark.delivered = Math.max(mark.delivered, call.seq)
    if (call.kind === 'read') mark.read = Math.max(mark.read, call.seq)
    marks.set(keyOf(call), mark)
  }
  return [...marks.values()]
}

/**
 * In a direct conversation both people hear of both marks. In a group only the reader's own devices hear, and
 * only of reading: a thousand members would otherwise tell a thousand members.
 */
function ringsOf(mark: MovedMark, kind: ReceiptKind): { room: string; text: string }[] {
  const before = kind === 'read' ? mark.readBefore : mark.deliveredBefore
  const seq = kind === 'read' ? mark.readSeq : mark.deliveredSeq
  if (seq === before) return []
  const hearers = mark.userIds ?? (kind === 'read' ? [mark.userId] : [])
  const conversationId = mark.conversationId as ConversationId
  const text = encodeEvent('receipt:moved', { conversationId, userId: mark.userId, kind, seq })
  return hearers.map((userId) => ({ room: userRoom(userId as UserId), text }))
}

const isReadAgain = ({ readAgain }: MovedMark) => readAgain !== null && readAgain.length > 0

/** A watermark that moves says by itself that nothing up to it is unread; one that stays does not. */
function ringsOfReadAgain(mark: MovedMark): { room: string; text: string }[] {
  const { conversationId, userId, readAgain, readBefore, readSeq } = mark
  if (readAgain === null || readAgain.length === 0 || readSeq > readBefore) return []
  return [markedRing(userId, { conversationId, userId, seqs: readAgain, read: true })]
}
