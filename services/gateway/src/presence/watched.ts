import type { AppState, PresenceState } from '@parley/shared/presence-events'
import type { ChatSocket } from '../realtime.ts'

/** A user whom sockets of this gateway watch. */
export interface Watched {
  watchers: Set<ChatSocket>
  /** What the watchers were told; nothing before Redis was first asked. */
  told: { state: AppState | undefined } | undefined
  lastSeenAt: string | undefined
  /** Since when less than that is true. */
  lowerSince: number | undefined
  /** Since when the user has been away altogether. */
  absentSince: number | undefined
}

export const newWatched = (): Watched => ({
  watchers: new Set(),
  told: undefined,
  lastSeenAt: undefined,
  lowerSince: undefined,
  absentSince: undefined,
})

/**
 * Takes in what Redis says, and says whether the watchers are to be told. More than they know is told at once; less
 * only when it has lasted, so that who comes back within the grace, on this gateway or another, was never away.
 */
export function observe(
  watched: Watched,
  state: AppState | undefined,
  { now, graceMs }: { now: number; graceMs: number },
): boolean {
  watched.absentSince = state === undefined ? (watched.absentSince ?? now) : undefined
  if (!watched.told) {
    watched.told = { state }
    return false
  }
  if (rankOf(state) >= rankOf(watched.told.state)) {
    const isNews = state !== watched.told.state
    watched.lowerSince = undefined
    watched.told = { state }
    return isNews
  }
  watched.lowerSince ??= now
  if (now - watched.lowerSince < graceMs) return false
  watched.lowerSince = undefined
  watched.told = { state }
  if (watched.absentSince !== undefined) watched.lastSeenAt = new Date(watched.absentSince).toISOString()
  return true
}

export function toState(userId: string, { told, lastSeenAt }: Watched): PresenceState {
  if (told?.state === undefined) return { userId, online: false, ...(lastSeenAt ? { lastSeenAt } : {}) }
  return { userId, online: true, ...(told.state === 'background' ? { away: true } : {}) }
}

const rankOf = (state: AppState | undefined) => (state === undefined ? 0 : state === 'background' ? 1 : 2)
