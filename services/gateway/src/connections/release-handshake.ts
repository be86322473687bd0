import type { ChatSocket } from '../realtime.ts'

/**
 * Lets go of the request that a socket came by, which Socket.IO keeps for as long as the socket lives: with its headers it is
 * a good part of an idle connection, and the token that was shown need not lie in memory.
 */
export function releaseHandshake({ conn, handshake }: ChatSocket): void {
  Object.assign(conn, { request: null })
  Object.assign(handshake, { headers: nothing, query: nothing, auth: nothing, url: '', time: '' })
}

/** One for all. */
const nothing = Object.freeze({})
