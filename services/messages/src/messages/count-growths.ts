import { everybody } from '@parley/shared/content'
import { seqOfMessage } from '@parley/shared/ids'
import type { PreparedSend } from './prepared-send.ts'

/** What a batch adds to a conversation. */
interface Growth {
  /** The number of the conversation among those of the batch, from 1. */
  nr: number
  entries: number
  counted: number
  mentionsAll: boolean
  /** The newest entry that is replied to. */
  replySeq: number | null
  senderIds: Set<string>
}

/** Where a send comes among those of its conversation, from 1. */
interface Place {
  growth: Growth
  nth: number
  nthCounted: number
}

interface Counted {
  places: Place[]
  growths: Map<string, Growth>
  /** A send of each who writes into each conversation. */
  writers: PreparedSend[]
}

/** What a batch adds to each of its conversations, and where in it each send stands. */
export function countGrowths(sends: PreparedSend[]): Counted {
  const growths = new Map<string, Growth>()
  const writers: PreparedSend[] = []
  const places = sends.map((send): Place => {
    const growth = growths.get(send.conversationId) ?? {
      nr: growths.size + 1,
      entries: 0,
      counted: 0,
      mentionsAll: false,
      replySeq: null,
      senderIds: new Set(),
    }
    growths.set(send.conversationId, growth)
    if (!growth.senderIds.has(send.senderId)) writers.push(send)
    growth.senderIds.add(send.senderId)
    growth.entries++
    if (send.counted) growth.counted++
    if (send.mentions?.includes(everybody)) growth.mentionsAll = true
    const replySeq = send.replyTo === null ? undefined : seqOfMessage(send.replyTo)
    if (replySeq !== undefined) growth.replySeq = Math.max(growth.replySeq ?? 0, replySeq)
    return { growth, nth: growth.entries, nthCounted: growth.counted }
  })
  return { places, growths, writers }
}
