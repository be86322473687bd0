import type { Result } from '@parley/shared/protocol'
import { tooSlow } from '../errors.ts'
import type { MessagesClient } from '../messages-client.ts'
import type { ChatSocket } from '../realtime.ts'
import type { Deadlines } from './deadlines.ts'
import type { Requests } from './requests.ts'

interface AnswerSendOptions {
  requests: Requests
  deadlines: Deadlines
  messages: Pick<MessagesClient, 'take'>
}

/** `ackId` is what Socket.IO numbers the acknowledgement with. */
export type AnswerSend = (socket: ChatSocket, ackId: number, payload: unknown) => void

/**
 * The way in for sends, of which there are more than of everything else: the checks, the deadline and the answer of any
 * other request (`answer.ts`), with a callback instead of a chain of promises, which a node would keep for each message
 * under way, and the acknowledgement written as Socket.IO would write it.
 */
export function createAnswerSend({ requests, deadlines, messages }: AnswerSendOptions): AnswerSend {
  return (socket, ackId, payload) => {
    const asked = requests.begin(socket, 'message:send')
    const endWait = deadlines.begin(() => refuse(tooSlow()))
    let isAnswered = false

    function reply(result: Result<unknown>): void {
      if (isAnswered) return
      isAnswered = true
      endWait()
      requests.end(asked, result)
      const { conn } = socket
      if (conn.readyState === 'open') conn.write(`3${ackId}${JSON.stringify([result])}`)
    }
    const refuse = (cause: unknown) => reply(requests.refusal(asked, cause))

    try {
      const draft = requests.check(asked, { payloads: [payload], hasAck: true })
      const { userId, deviceId } = socket.data.identity
      messages.take({ userId, deviceId, draft }, asked.span?.traceparent, {
        resolve: (data) => reply({ ok: true, data }),
        reject: refuse,
      })
    } catch (cause) {
      refuse(cause)
    }
  }
}
