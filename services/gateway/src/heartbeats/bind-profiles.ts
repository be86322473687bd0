import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { HeartbeatProfile } from '@parley/shared/presence-events'
import type { Server } from 'socket.io'

export type Engine = Server['engine']
/** What an engine keeps about its connections, which its type does not say. */
interface WithClients {
  clients: Record<string, unknown>
}

/**
 * Engine.IO has one heartbeat for all connections of an engine, so each profile has an engine of its own behind the
 * one path, and all belong to the one Socket.IO server. A new connection chooses by `heartbeat` in its query; the
 * requests of a connection that is here go where it is.
 */
export function bindProfiles(
  io: Server,
  optionsOf: (profile: HeartbeatProfile) => object,
): Record<HeartbeatProfile, Engine> {
  const foreground = io.engine
  // Its own class, and not that of an engine.io beside it: what is changed on the prototype of its connections
  // must hold for both.
  const EngineServer = foreground.constructor as new (options: object) => Engine
  const background = new EngineServer(optionsOf('background'))
  io.bind(background)
  io.engine = foreground
  const engines = { foreground, background }

  function engineOf(request: IncomingMessage): Engine {
    const url = request.url ?? '/'
    // Most new connections choose nothing, and thousands may come at once.
    if (!url.includes('sid=') && !url.includes('heartbeat=')) return foreground
    const query = new URL(url, 'http://here').searchParams
    const sid = query.get('sid')
    if (sid !== null) return sid in (background as unknown as WithClients).clients ? background : foreground
    // What is no profile is let through to the handshake, which refuses it with a code.
    const profile = HeartbeatProfile.safeParse(query.get('heartbeat'))
    return engines[profile.data ?? 'foreground']
  }

  const [handleRequest, handleUpgrade] = [
    foreground.handleRequest.bind(foreground),
    foreground.handleUpgrade.bind(foreground),
  ]
  foreground.handleRequest = (request: never, response: ServerResponse) =>
    engineOf(request) === foreground
      ? handleRequest(request, response as never)
      : background.handleRequest(request, response as never)
  foreground.handleUpgrade = (request: never, socket: Duplex, head: Buffer) =>
    engineOf(request) === foreground
      ? handleUpgrade(request, socket as never, head)
      : background.handleUpgrade(request, socket as never, head)
  return engines
}
