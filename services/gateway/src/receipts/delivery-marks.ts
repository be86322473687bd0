import type { MarkCall } from '@parley/shared/rpc'
import type { MessagesClient } from '../messages-client.ts'

const flushMs = 100

interface Gathering {
  call: MarkCall
  answer: Promise<{ seq: number }>
  start: () => void
}

/**
 * Gathers what devices say they have: one mark per user, conversation, kind and flush, the highest. A device that
 * acknowledges every entry of a busy group costs one row a flush, and everybody hears where the mark then stands.
 */
export function createDeliveryMarks(messages: Pick<MessagesClient, 'mark'>) {
  const gathering = new Map<string, Gathering>()
  let timer: NodeJS.Timeout | undefined

  function flush(): void {
    timer = undefined
    const marks = [...gathering.values()]
    gathering.clear()
    for (const { start } of marks) start()
  }

  function begin(key: string, call: MarkCall): Gathering {
    const { promise, resolve } = Promise.withResolvers<{ seq: number }>()
    const fresh = { call: { ...call }, answer: promise, start: () => resolve(messages.mark(fresh.call)) }
    gathering.set(key, fresh)
    timer ??= setTimeout(flush, flushMs)
    return fresh
  }

  return {
    add(call: MarkCall): Promise<{ seq: number }> {
      const key = `${call.userId}\n${call.conversationId}\n${call.kind}`
      const mark = gathering.get(key) ?? begin(key, call)
      mark.call.seq = Math.max(mark.call.seq, call.seq)
      return mark.answer
    },
    /** Sends what has gathered and waits for it. */
    async [Symbol.asyncDispose]() {
      clearTimeout(timer)
      const answers = [...gathering.values()].map(({ answer }) => answer)
      flush()
      await Promise.allSettled(answers)
    },
  }
}

export type DeliveryMarks = ReturnType<typeof createDeliveryMarks>
