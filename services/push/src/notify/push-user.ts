import type { Alert, Delivery, PushOutcome } from '@parley/shared/delivery'
import { uuidFrom } from '@parley/shared/ids'
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

/** Every name the ledger needs to know for a user: a push for each alert and device, and who sounds if it may have before. */
export function ledgerIds(devices: Delivery[]): string[] {
  const sound = devices[0]?.again ? soundOf(devices) : undefined
  return [
    ...devices.flatMap((delivery) => delivery.alerts.map((alert) => pushId(alert, delivery))),
    ...(sound ? [soundId(sound, devices)] : []),
  ]
}

/**
 * Alerts a user: with sound on one device, the one in use last that can be reached, and silently on the others.
 * A job that comes back sounds only if its ledger says that nothing has sounded yet: it may have been stopped on the way,
 * or come back when the ledger has forgotten how far it came.
 */
export async function pushUser(
  ctx: Pick<Context, 'providers' | 'metrics' | 'log'>,
  { devices, entries, ledger, ...options }: PushUserOptions,
): Promise<UserResult> {
  const sound = soundOf(devices)
  const again = devices[0]?.again ?? false
  const held = sound && again ? heldOf(entries.get(soundId(sound, devices))) : undefined
  let maySound = sound !== undefined && (!again || held?.maybeShown === false)
  const all: UserResult = { outcomes: [], elsewhere: false }

  for (const delivery of devices) {
    const result = await pushDelivery(ctx, { ...options, delivery, entries, ledger, maySound })
    all.outcomes.push(...result.outcomes)
    all.elsewhere ||= result.elsewhere
    if (result.nextTryAt !== undefined) all.nextTryAt = Math.min(all.nextTryAt ?? Infinity, result.nextTryAt)
    if (!sound || !result.sounded) continue
    maySound = false
    if (held) ledger.settle(soundId(sound, devices), { result: 'accepted' })
  }
  if (sound && maySound && all.nextTryAt !== undefined) {
    const notYet = { attempts: 0, notBefore: all.nextTryAt, reason: '', maybeShown: false }
    ledger.hold(soundId(sound, devices), notYet)
  }
  return all
}

const heldOf = (entry: LedgerEntry | undefined) => (entry?.kind === 'again' ? entry.held : undefined)

/** Of what a user is told in one go, one alert at most may have sound. */
function soundOf(devices: Delivery[]): Alert | undefined {
  return devices[0]?.alerts.find(({ audible }) => audible)
}

function soundId({ messageId }: Alert, devices: Delivery[]): string {
  return uuidFrom('sound', messageId, devices[0]?.userId ?? '')
}
