import { createBatcher, type Waiter } from '@parley/shared/batcher'
import { mediaIdOf } from '@parley/shared/content'
import type { SyncPage } from '@parley/shared/protocol'
import {
  type Caller,
  fromBatchReply,
  type MarkCall,
  type OpenedSession,
  type ReturnAsk,
  type SendCall,
  type Sent,
  type Standing,
  type StandingAsk,
  type TypingAsk,
  type TypingAudience,
  type VisibleAsk,
  type VisibleUser,
} from '@parley/shared/rpc'
import { callsInLine, openRpc, type RpcClient } from '@parley/shared/rpc-client'

const maxQueued = 10_000
/**
 * What users ask one by one has connections of its own: a search may take seconds, and what a gateway asks for everybody waits for none.
 * More than the 52 searches that messages takes at once, and no more than its database answers within moments.
 */
const mostQuestions = 64
/** Each may take as long as the media service. */
const callsAside = 8

/** Calls to one instance of messages, many of a kind in one. What is asked alone goes through `rpc` or, of a user, `questions`. */
export function openMessagesInstance(options: Parameters<typeof openRpc>[0]) {
  const rpc = openRpc(options)
  return {
    name: options.baseUrl,
    rpc,
    questions: openRpc({ ...options, connections: mostQuestions }),
    sends: openSends(rpc),
    marks: createBatcher<MarkCall, { seq: number }>({
      maxBatch: 1_000,
      maxQueued,
      run: async (marks) => fromBatchReply(await rpc.call('receipts/mark', { marks })),
    }),
    typing: createBatcher<TypingAsk, TypingAudience>({
      maxBatch: 500,
      maxQueued,
      run: async (asks) => fromBatchReply(await rpc.call('typing/audience', { asks })),
    }),
    visible: createBatcher<VisibleAsk, { visible: VisibleUser[] }>({
      maxBatch: 50,
      maxQueued,
      run: async (asks) => fromBatchReply(await rpc.call('presence/visible', { asks })),
    }),
    // Each may name a thousand conversations.
    returns: createBatcher<ReturnAsk, { page?: SyncPage }>({
      maxBatch: 50,
      maxQueued,
      run: async (asks) => fromBatchReply(await rpc.call('log/returns', { asks })),
    }),
    // Each may name every user of a node.
    standings: createBatcher<StandingAsk, Standing>({
      maxBatch: 50,
      maxQueued,
      run: async (asks) => fromBatchReply(await rpc.call('groups/standing', { asks })),
    }),
    sessions: createBatcher<Caller, OpenedSession>({
      maxBatch: 200,
      maxQueued,
      run: async (sessions) => fromBatchReply(await rpc.call('sessions/open', { sessions })),
    }),
  }
}

export type MessagesInstance = ReturnType<typeof openMessagesInstance>

/**
 * In order, but for those with media, about which the media service is asked first: they go beside, so who sends words waits for
 * nobody's photo (ADR 49).
 */
function openSends(rpc: RpcClient) {
  const line = createBatcher<SendCall, Sent>({
    maxBatch: 256,
    maxQueued,
    enough: 128,
    beside: callsInLine,
    run: async (sends) => fromBatchReply(await rpc.call('messages/send', { sends }, { inOrder: true })),
  })
  const aside = createBatcher<SendCall, Sent>({
    maxBatch: 256,
    maxQueued,
    enough: 1,
    beside: callsAside,
    run: async (sends) => fromBatchReply(await rpc.call('messages/send', { sends })),
  })
  return {
    put(call: SendCall, waiter: Waiter<Sent>): void {
      const way = mediaIdOf(call.draft) === undefined ? line : aside
      way.put(call, waiter)
    },
  }
}
