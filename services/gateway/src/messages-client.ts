import { setTimeout as wait } from 'node:timers/promises'
import type { Waiter } from '@parley/shared/batcher'
import { directConversationId } from '@parley/shared/ids'
import { chooseAmong, isElsewhere } from '@parley/shared/instances'
import {
  type Caller,
  type MarkCall,
  type ReturnAsk,
  type SendCall,
  type Sent,
  type TypingAsk,
  type Rpc,
  type StandingAsk,
  type VisibleAsk,
} from '@parley/shared/rpc'
import { during, type Tracing } from '@parley/shared/tracing'
import { messagesUnavailable } from './errors.ts'
import { type MessagesInstance, openMessagesInstance } from './messages-instance.ts'

/** An instance that restarts is back within moments. Every call here is safe to repeat. */
const retryDelaysMs = [100, 400, 1_000, 2_000]

interface MessagesClientOptions {
  urls: string[]
  secret: string
  tracing?: Tracing | undefined
}

/** Calls to messages: batched by nature, each conversation to the instance it belongs to, another if that is away. */
export function openMessagesClient({ urls, secret, tracing }: MessagesClientOptions) {
  const instances = urls.map((baseUrl) => openMessagesInstance({ baseUrl, secret, tracing }))
  const among = chooseAmong(instances)

  async function patiently<T>(
    key: () => string,
    call: (instance: MessagesInstance) => Promise<T>,
  ): Promise<T> {
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
    return during(span, () =>
      patiently(
        () => conversationOf(call),
        ({ sends }) => new Promise<Sent>((resolve, reject) => sends.put(told, { resolve, reject })),
      ),
    )
  }

  return {
    send,
    /** As `send`, without a promise as long as all is well. */
    take(call: SendCall, trace: string | undefined, waiter: Waiter<Sent>): void {
      const patientlyThen = () => void send(call, trace).then(waiter.resolve, waiter.reject)
      const instance = trace === undefined ? among.first(() => conversationOf(call)) : undefined
      if (!instance) return patientlyThen()
      instance.sends.put(call, {
        resolve: (sent) => {
          among.answered(instance)
          waiter.resolve(sent)
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

function conversationOf({ userId, draft: { to } }: SendCall): string {
  return 'userId' in to ? directConversationId(userId, to.userId) : to.conversationId
}
