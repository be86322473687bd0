import { setTimeout as wait } from 'node:timers/promises'
import { createBatcher, type Waiter } from '@parley/shared/batcher'
import { mediaIdOf } from '@parley/shared/content'
import { AppError } from '@parley/shared/errors'
import { directConversationId } from '@parley/shared/ids'
import { chooseAmong, isElsewhere } from '@parley/shared/instances'
import type { SyncPage } from '@parley/shared/protocol'
import {
  type Caller,
  fromBatchReply,
  type MarkCall,
  type OpenedSession,
  type ReturnAsk,
  type SendCall,
  type Sent,
  type TypingAsk,
  type TypingAudience,
  type Rpc,
  type Standing,
  type StandingAsk,
  type VisibleAsk,
  type VisibleUser,
} from '@parley/shared/rpc'
import { callsInLine, openRpc, type RpcClient } from '@parley/shared/rpc-client'
import { during, type Tracing } from '@parley/shared/tracing'
import { messagesUnavailable } from './errors.ts'

const maxQueued = 10_000
/**
 * What users ask one by one has connections of its own: a search may take seconds, and what a gateway asks for everybody waits for none.
 * More than the 52 searches that messages takes at once, and no more than its database answers within moments.
 */
const mostQuestions = 64
/** Each may take as long as the media service. */
const callsAside = 8
/** An instance that restarts is back within moments. Every call here is safe to repeat. */
const retryDelaysMs = [100, 400, 1_000, 2_000]

interface MessagesClientOptions {
  urls: string[]
  secret: string
  tracing?: Tracing | undefined
}

/** Calls to messages: batched by nature, each conversation to the instance it belongs to, another if that is away. */
export function openMessagesClient({ urls, secret, tracing }: MessagesClientOptions) {
  const instances = urls.map((baseUrl) => openInstance({ baseUrl, secret, tracing }))
  const among = chooseAmong(instances)

  async function patiently<T>(key: () => string, call: (instance: Instance) => Promise<T>): Promise<T> {
    for (let attempt = 0; ; attempt++) {
      try {
        return await among.ask(key, call)
      } catch (cause) {
        const delayMs = retryDelaysMs[attempt]
        if (!isElsewhere(cause)) throw cause
        if (delayMs === undefined) throw messagesUnavailable(cause)
        await wait(delayMs * (0.5 + Math.random()))
      }
    }
  }

  /** In a batch, so the trace it belongs to goes with the send and not with the call that carries it. */
  function send(call: SendCall, trace?: string): Promise<Sent> {
    const span = tracing?.follow(trace, 'messages/send', { kind: 'client' })
    const told = span ? { ...call, trace: span.traceparent } : call
    return during(span, async () => {
      const answer = await patiently(
        () => conversationOf(call),
        ({ sends }) =>
          new Promise<Sent | AppError>((resolve, reject) => sends.put(told, { resolve, reject })),
      )
      if (answer instanceof AppError) throw answer
      return answer
    })
  }

  return {
    send,
    /** As `send`, without a promise as long as all is well. */
    take(call: SendCall, trace: string | undefined, waiter: Waiter<Sent>): void {
      const patientlyThen = () => void send(call, trace).then(waiter.resolve, waiter.reject)
      const instance = trace === undefined ? among.first(() => conversationOf(call)) : undefined
      if (!instance) return patientlyThen()
      instance.sends.put(call, {
        resolve: (answer) => {
          among.answered(instance)
          if (answer instanceof AppError) waiter.reject(answer)
          else waiter.resolve(answer)
        },
        reject: (cause) => {
          if (!isElsewhere(cause)) return waiter.reject(cause)
          among.wasAway(instance)
          patientlyThen()
        },
      })
    },
    mark: (call: MarkCall) =>
      patiently(
        () => call.conversationId,
        (instance) => instance.marks.add(call),
      ),
    /** Asked once: what it is for is not worth waiting for. */
    typingAudience: (ask: TypingAsk) =>
      among.ask(
        () => ask.conversationId,
        (instance) => instance.typing.add(ask),
      ),
    visible: (ask: VisibleAsk) =>
      among.ask(
        () => ask.userId,
        (instance) => instance.visible.add(ask),
      ),
    seen: (seen: Rpc['presence/seen']['request']['seen']) =>
      among.ask(
        () => '',
        ({ rpc }) => rpc.call('presence/seen', { seen }),
      ),
    openSession: ({ userId, deviceId, sessionId, platform, operatorToken }: Caller) =>
      patiently(
        () => userId,
        (instance) =>
          instance.sessions.add({
            userId,
            deviceId,
            sessionId,
            platform,
            ...(operatorToken ? { operatorToken } : {}),
          }),
      ),
    standing: (ask: StandingAsk) =>
      patiently(
        () => ask.conversationId,
        (instance) => instance.standings.add(ask),
      ),
    /** The first page of a device that comes back, with those of the others; absent where too much came together. */
    comeBack: (ask: ReturnAsk) =>
      patiently(
        () => ask.userId,
        (instance) => instance.returns.add(ask),
      ),
    ask: (caller: Caller, event: string, request: unknown, trace?: string) =>
      patiently(
        () => caller.userId,
        ({ questions }) => questions.call('events/ask', { identity: caller, event, request }, { trace }),
      ),
    findEnded: (sessionIds: Caller['sessionId'][]) =>
      patiently(
        () => '',
        ({ rpc }) => rpc.call('sessions/ended', { sessionIds }),
      ),
    async [Symbol.asyncDispose]() {
      await Promise.all(
        instances.flatMap(({ rpc, questions }) => [rpc, questions].map((it) => it[Symbol.asyncDispose]())),
      )
    },
  }
}

export type MessagesClient = ReturnType<typeof openMessagesClient>

type Instance = ReturnType<typeof openInstance>

function openInstance(options: Parameters<typeof openRpc>[0]) {
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

/**
 * In order, but for those with media, about which the media service is asked first: they go beside, so who sends words waits for
 * nobody's photo (ADR 49). What is refused there is an answer: this instance is not away because the media service is.
 */
function openSends(rpc: RpcClient) {
  const line = createBatcher<SendCall, Sent>({
    maxBatch: 256,
    maxQueued,
    enough: 128,
    beside: callsInLine,
    run: async (sends) => fromBatchReply(await rpc.call('messages/send', { sends }, { inOrder: true })),
  })
  const aside = createBatcher<SendCall, { answer: Sent | AppError }>({
    maxBatch: 256,
    maxQueued,
    enough: 1,
    beside: callsAside,
    run: async (sends) =>
      fromBatchReply(await rpc.call('messages/send', { sends })).map((answer) => ({ answer })),
  })
  return {
    put(call: SendCall, { resolve, reject }: Waiter<Sent | AppError>): void {
      if (mediaIdOf(call.draft) === undefined) line.put(call, { resolve, reject })
      else aside.put(call, { resolve: ({ answer }) => resolve(answer), reject })
    },
  }
}

function conversationOf({ userId, draft: { to } }: SendCall): string {
  return 'userId' in to ? directConversationId(userId, to.userId) : to.conversationId
}
