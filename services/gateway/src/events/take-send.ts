import type { ChatSocket } from '../realtime.ts'
import type { AnswerSend } from './answer-send.ts'

const taker = Symbol('takes its sends')

/** A transport of Engine.IO, and what answers the sends that come over it. */
export interface SendTransport {
  [taker]?: { socket: ChatSocket; answerSend: AnswerSend }
}

/** How the frame of a send goes on after the digits that ask for an answer. */
export const sendEvent = '["message:send",'
/** That can be counted on without a loss. */
const isNumber = /^\d{1,15}$/

/** From here on the sends of this connection are answered so, and not decoded by Socket.IO. */
export function takeSendsOf(socket: ChatSocket, answerSend: AnswerSend): void {
  const transport = socket.conn.transport as SendTransport
  transport[taker] = { socket, answerSend }
}

/** Answers the send in a frame. False, and nothing done, where it is for Socket.IO to say what it thinks of the frame. */
export function takeSend({ [taker]: whose }: SendTransport, data: string): boolean {
  if (!whose || !whose.socket.connected || whose.socket.conn.readyState !== 'open') return false
  const payload = data.indexOf('[')
  const ackId = data.slice(2, payload)
  if (!isNumber.test(ackId) || !data.startsWith(sendEvent, payload)) return false
  const args = parse(data.slice(payload))
  if (!Array.isArray(args) || args.length !== 2) return false
  whose.answerSend(whose.socket, Number(ackId), args[1])
  return true
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
