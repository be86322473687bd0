import type { HeartbeatProfile } from '@parley/shared/presence-events'
import { Counter, type Registry } from 'prom-client'
import type { Config } from '../config.ts'
import type { Engine } from './bind-profiles.ts'

interface Connection {
  readyState: string
  /** Set by Engine.IO when anything but a pong came since the last ping. */
  hasRefreshedPingTimeout: boolean
  pingTimeoutTimer: NodeJS.Timeout | null
  resetPingTimeout: (this: Connection) => void
  sendPacket: (type: 'ping') => void
  onClose: (reason: string) => void
  missed?: number
}

interface MissOptions {
  config: Pick<Config, 'heartbeats'>
  metrics: Registry
}

/**
 * Declares a connection dead after several unanswered beats rather than one: within the time a client was told, the
 * beat is repeated, and whatever arrives begins the count anew. Engine.IO asks once and waits. Where it is not as
 * expected, its own way is left alone.
 */
export function countMisses(
  engines: Record<HeartbeatProfile, Engine>,
  { config, metrics }: MissOptions,
): void {
  const { timeoutMs, misses } = config.heartbeats
  const labelNames = ['profile'] as const
  const registers = [metrics]
  const beats = new Counter({
    name: 'parley_gateway_heartbeats_total',
    help: 'Beats sent, repetitions left out',
    labelNames,
    registers,
  })
  const missed = new Counter({
    name: 'parley_gateway_heartbeats_missed_total',
    help: 'Beats that were not answered in time',
    labelNames,
    registers,
  })
  const dead = new Counter({
    name: 'parley_gateway_heartbeat_deaths_total',
    help: 'Connections closed because they missed too many beats',
    labelNames,
    registers,
  })

  for (const [profile, engine] of Object.entries(engines)) {
    const resetPingTimeout = function resetPingTimeout(this: Connection) {
      beats.inc({ profile })
      this.missed = 0
      waitForAnswer(this)
    }
    const waitForAnswer = (conn: Connection) => {
      if (conn.pingTimeoutTimer) clearTimeout(conn.pingTimeoutTimer)
      conn.pingTimeoutTimer = setTimeout(miss, timeoutMs / misses, conn)
    }
    const miss = (conn: Connection) => {
      if (conn.readyState === 'closed') return
      missed.inc({ profile })
      conn.missed = conn.hasRefreshedPingTimeout ? 1 : (conn.missed ?? 0) + 1
      if (conn.missed >= misses) {
        dead.inc({ profile })
        conn.onClose('ping timeout')
        return
      }
      conn.hasRefreshedPingTimeout = false
      conn.sendPacket('ping')
      waitForAnswer(conn)
    }
    // One function for all connections of an engine; a closure for each would cost memory.
    engine.on('connection', (conn: Connection) => {
      if (typeof conn.resetPingTimeout === 'function') conn.resetPingTimeout = resetPingTimeout
    })
  }
}
