import type { PreparedSend } from '../messages/prepared-send.ts'

/** A send and its repeats, for as long as one of them is asked about or being stored. */
export interface Sending {
  /** As it may be stored. What would be said of a repeat from then on comes too late. */
  allowed: PreparedSend | undefined
}

/** The sends under way in this instance, which are as many as its lanes take. */
export function createSendings() {
  const underWay = new Map<string, Sending & { times: number }>()

  return async function share<T>(send: PreparedSend, work: (sending: Sending) => Promise<T>): Promise<T> {
    const key = `${send.conversationId}\n${send.senderId}\n${send.clientMessageId}`
    const sending = underWay.get(key) ?? { allowed: undefined, times: 0 }
    sending.times++
    underWay.set(key, sending)
    try {
      return await work(sending)
    } finally {
      if (--sending.times === 0) underWay.delete(key)
    }
  }
}
