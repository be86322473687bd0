import type { ConversationId } from '@parley/shared/ids'
import type { ClientReply, ClientRequest, ReceiptKind } from '@parley/shared/protocol'
import type { Context } from '../context.ts'
import { heartbeatOf } from '../heartbeats/profiles.ts'
import type { ChatSocket } from '../realtime.ts'
import type { Presence } from './presence.ts'

/** Notes what the app is at on the socket's device, and tells presence if that changes what it says of the user. */
export function setAppState(
  { config, presence }: Pick<Context, 'config'> & { presence: Presence },
  { data }: ChatSocket,
  { state, activeConversationId }: ClientRequest<'app:state'>,
): ClientReply<'app:state'> {
  // Nothing is on screen behind another app.
  data.activeConversationId = state === 'foreground' ? activeConversationId : undefined
  if (data.appState !== state) {
    data.appState = state
    presence.changed(data.identity.userId)
  }
  return { heartbeat: heartbeatOf(config, state) }
}

/**
 * What a device's word that it has the entries of a conversation amounts to: where the user is looking at them, they
 * are read. The word of the device, and not that a doorbell was written to its socket, because a socket may be dead
 * and nobody know it yet (ADR 10).
 */
export function receiptKindOf({ data }: ChatSocket, conversationId: ConversationId): ReceiptKind {
  return data.activeConversationId === conversationId ? 'read' : 'delivered'
}
