import { uuidFrom } from '@parley/shared/ids'
import type { Alert, Delivery, PushOutcome } from '@parley/shared/rpc'
import type { Context } from '../context.ts'
import type { Ledger, LedgerEntry } from './ledger.ts'
import { pushDelivery, pushId } from './push-delivery.ts'
import type { BeginRequest } from './trace-requests.ts'

export interface UserResult {
  outcomes: PushOutcome[]
  nextTryAt?: number
  elsewhere: boolean
}

interface PushUserOptions {
  conversationId: Parameters<typeof pushDelivery>[1]['conversationId']
  /** The user's devices, the one in use last first. */
  devices: Delivery[]
  ledger: Ledger
  entries: ReadonlyMap<string, LedgerEntry>
  lastAttempt: boolean
  begin: BeginRequest | undefined
}

/** Every name the ledger needs to know for a user: a push for each alert and device, and who sounds. */
export function ledgerIds(devices: Delivery[]): string[] {
  const sound = audibleOf(devices)
  return [
    ...devices.flatMap((delivery) => delivery.alerts.map((alert) => pushId(alert, delivery))),
    ...(sound ? [soundId(sound, devices)] : []),
  ]
}

/**
 * Alerts a user: with sound on one device, the one in use last that can be reached, and silently on the
 * others. Whether somebody sounded already is remembered beside the pushes, so that a later try on another
 * device does not sound again.
 */
export async function pushUser(
  ctx: Pick<Context, 'providers' | 'metrics' | 'log'>,
  { devices, entries, ledger, ...options }: PushUserOptions,
): Promise<UserResult> {
  const sound = audibleOf(devices)
  const slot = sound && soundId(sound, devices)
  const slotEntry = slot === undefined ? undefined : entries.get(slot)
  // A job that was stopped may come back when the ledger has forgotten how far it came.
  const isFirst = slotEntry?.kind === 'ours' && !devices[0]?.again
  let maySound = isFirst || (slotEntry?.kind === 'again' && !slotEntry.held.maybeShown)
  const all: UserResult = { outcomes: [], elsewhere: false }

  for (const delivery of devices) {
    const result = await pushDelivery(ctx, { ...options, delivery, entries, ledger, maySound })
    all.outcomes.push(...result.outcomes)
    all.elsewhere ||= result.elsewhere
    if (result.nextTryAt !== undefined) all.nextTryAt = Math.min(all.nextTryAt ?? Infinity, result.nextTryAt)
    if (!result.sounded || slot === undefined) continue
    maySound = false
    ledger.settle(slot, { result: 'accepted', tokenHash: '' })
  }
  if (slot !== undefined && maySound && all.nextTryAt !== undefined) {
    ledger.hold(slot, { attempts: 0, notBefore: all.nextTryAt, reason: '', maybeShown: false })
  }
  return all
}

/** Of what a user is told in one go, one alert at most may have sound. */
function audibleOf(devices: Delivery[]): Alert | undefined {
  return devices[0]?.alerts.find(({ audible }) => audible)
}

function soundId({ messageId }: Alert, devices: Delivery[]): string {
  return uuidFrom('sound', messageId, devices[0]?.userId ?? '')
}
