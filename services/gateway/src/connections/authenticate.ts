import { AppError } from '@parley/shared/errors'
import type { AppState, HeartbeatProfile } from '@parley/shared/presence-events'
import { Handshake } from '@parley/shared/protocol'
import type { Identity, VerifyToken } from '@parley/shared/tokens'
import { z } from 'zod'
import { deviceMismatch, malformed, tokenRequired } from '../errors.ts'
import type { ChatSocket } from '../realtime.ts'

export interface Newcomer {
  identity: Identity
  appState: AppState
  heartbeat: HeartbeatProfile
  returnTicket: string | undefined
}

/** Who connects, by the token of the handshake: `auth.token`, or `auth_token` in the query for old clients. */
export async function authenticate(socket: ChatSocket, verifyToken: VerifyToken): Promise<Newcomer> {
  const { auth, query } = socket.handshake
  const handshake = Handshake.safeParse({
    ...auth,
    token: auth['token'] ?? query['auth_token'],
    heartbeat: query['heartbeat'],
  })
  if (!handshake.success) {
    if (auth['token'] === undefined && query['auth_token'] === undefined) throw tokenRequired()
    throw malformed(z.prettifyError(handshake.error))
  }
  const identity = await verifyToken(handshake.data.token)
  const { deviceId, appState = 'foreground', heartbeat = 'foreground', returnTicket } = handshake.data
  if (deviceId !== undefined && deviceId !== identity.deviceId) throw deviceMismatch()
  return { identity, appState, heartbeat, returnTicket }
}

/** The error of a refused handshake as Socket.IO passes it on: the code is in `data`. */
export function refusal(cause: unknown): Error {
  const error = AppError.from(cause)
  return Object.assign(new Error(error.toJSON().message), { data: error.toJSON() })
}
