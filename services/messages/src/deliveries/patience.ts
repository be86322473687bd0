import type { AppState } from '@parley/shared/presence-events'

/** Where a user's apps are: the best of all devices. */
export type Reach = AppState | 'away'

export interface Waits {
  /** For an app in front, which answers at once unless its connection is dead. */
  foregroundMs: number
  /** For an app in the background, which the system may have frozen with its connection open. */
  backgroundMs: number
}

/**
 * How long a user's apps may leave an entry unanswered before the user is pushed (ADR 23). Whoever has answered,
 * from whatever state, or has read or been told, is no longer asked about: that the watermarks say.
 */
export function patienceMs(reach: Reach, { foregroundMs, backgroundMs }: Waits): number {
  switch (reach) {
    case 'away':
      return 0
    case 'background':
      return Math.min(backgroundMs, foregroundMs)
    case 'foreground':
      return foregroundMs
  }
}
