import type { UserId } from '@parley/shared/ids'
import type { Context } from '../context.ts'

/**
 * Has gateways ask anew who may see these users, and whom they may see. Best effort: an order that is lost leaves a
 * watch as it is until it expires.
 */
export function recheckPresence(
  { announcer, log }: Pick<Context, 'announcer' | 'log'>,
  userIds: UserId[],
): void {
  announcer
    .order({ kind: 'recheck-presence', userIds })
    .catch((err: unknown) => log.warn({ err }, 'gateways were not asked to look again who may be seen'))
}
