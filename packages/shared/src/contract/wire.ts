import { z } from 'zod'
import type { ConversationId, UserId } from '../ids.ts'
import { queuePrefix } from '../jobs.ts'
import { newsChannelPrefix } from '../presence.ts'
import { clientEvents, closeCodes, Handshake, serverEvents } from '../protocol.ts'
import * as queues from '../queues.ts'
import {
  clusterChannel,
  conversationRoom,
  encodeEvent,
  encodeTraced,
  gatewayOrders,
  roomChannel,
  userRoom,
} from '../realtime.ts'
import { GatewayOrderSchema, rpcSchemas } from './rpc-schemas.ts'

/** Which way it goes between processes of two releases: apps are never newer than the servers they reach. */
export type Direction = 'between-services' | 'from-apps' | 'to-apps'

export interface WireContract {
  /** Messages by name, each a JSON Schema of what a receiver takes. */
  messages: Record<string, { direction: Direction; schema: unknown }>
  /** Names and texts that two releases must spell alike: channels, keys, marks, codes. */
  spellings: Record<string, string>
}

/** Everything that this release says to another process, or hears from one. */
export function describeWire(): WireContract {
  const messages: WireContract['messages'] = {}
  const add = (name: string, direction: Direction, schema: z.ZodType) => {
    const { $schema: _version, ...json } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' })
    messages[name] = { direction, schema: json }
  }
  add('handshake', 'from-apps', Handshake)
  for (const [event, { request, reply }] of Object.entries(clientEvents)) {
    add(`${event} request`, 'from-apps', request)
    add(`${event} reply`, 'to-apps', reply)
  }
  for (const [event, schema] of Object.entries(serverEvents)) add(event, 'to-apps', schema)
  for (const [method, { request, reply }] of Object.entries(rpcSchemas)) {
    add(`rpc ${method} request`, 'between-services', request)
    add(`rpc ${method} reply`, 'between-services', reply)
  }
  for (const { queue, data } of Object.values(queues)) add(`job ${queue}`, 'between-services', data)
  add('order to gateways', 'between-services', GatewayOrderSchema)

  const ringing = encodeEvent('log:grown', { conversationId: 'c', lastSeq: 1 })
  const spellings: WireContract['spellings'] = {
    'room of a user': userRoom('ann' as UserId),
    'room of a conversation': conversationRoom('g-1' as ConversationId),
    'channel of the cluster': clusterChannel,
    'channel of a room': roomChannel('u:ann'),
    'channel of orders': gatewayOrders,
    'channels of presence news': newsChannelPrefix,
    'a doorbell': ringing,
    'a traced doorbell': encodeTraced('00-1-2-01', ringing),
  }
  for (const { queue } of Object.values(queues)) spellings[`keys of ${queue}`] = queuePrefix(queue)
  for (const [name, code] of Object.entries(closeCodes)) spellings[`close code ${name}`] = String(code)
  return { messages, spellings }
}
