import type { UserId } from '@parley/shared/ids'
import type { ClientReply, ClientRequest } from '@parley/shared/protocol'
import type { Context } from '../context.ts'
import { notAllowed, notAMember, notTheirMember } from '../errors.ts'
import { changeGroup } from './change-group.ts'
import { silenceFormer } from './former-store.ts'
import * as store from './store.ts'

/** A date that every clock agrees is far away, and JSON can say. */
const forEver = new Date('9999-12-31T00:00:00Z')

/** Keeps one member from writing for a time; or one who was a member, and comes back as an ordinary one. */
export async function silence(
  ctx: Context,
  actorId: UserId,
  { conversationId, userId, seconds }: ClientRequest<'group:silence'>,
): Promise<ClientReply<'group:silence'>> {
  return changeGroup(ctx, { actorId, conversationId }, async (group) => {
    if (!group.role) throw notAMember()
    if (!group.policy.silence[group.role]) throw notAllowed()
    const role = await store.findRole(group.trx, conversationId, userId)
    if (!group.mayTo('silence', role ?? 'member')) throw notAllowed()
    const silencedUntil = endOf(seconds)
    if (role) await store.updateMember(group.trx, conversationId, userId, { silencedUntil })
    else if (!(await silenceFormer(group.trx, conversationId, userId, silencedUntil))) throw notTheirMember()
    const until = silencedUntil ? { until: silencedUntil.toISOString() } : {}
    return { result: {}, happened: [{ kind: 'silenced', content: { userIds: [userId], ...until } }] }
  })
}

function endOf(seconds: number | null): Date | null {
  if (seconds === 0) return null
  return seconds === null ? forEver : new Date(Date.now() + seconds * 1_000)
}

/** Keeps all ordinary members from writing, but for those exempt. */
export async function silenceAll(
  ctx: Context,
  actorId: UserId,
  { conversationId, silenced }: ClientRequest<'group:silence-all'>,
): Promise<ClientReply<'group:silence-all'>> {
  return changeGroup(ctx, { actorId, conversationId }, async (group) => {
    group.demand('silenceAll')
    if (group.conversation.allSilenced === silenced) return { result: {}, happened: [] }
    await store.updateGroup(group.trx, conversationId, { allSilenced: silenced })
    return { result: {}, happened: [{ kind: 'all-silenced', content: { silenced } }] }
  })
}

/** Lets one member write while all are silenced, or no longer. */
export async function exempt(
  ctx: Context,
  actorId: UserId,
  { conversationId, userId, exempt: speaksAlways }: ClientRequest<'group:exempt'>,
): Promise<ClientReply<'group:exempt'>> {
  return changeGroup(ctx, { actorId, conversationId }, async (group) => {
    group.demand('silenceAll')
    if (!(await store.findRole(group.trx, conversationId, userId))) throw notTheirMember()
    await store.updateMember(group.trx, conversationId, userId, { speaksAlways })
    return {
      result: {},
      happened: [{ kind: 'exempted', content: { userIds: [userId], exempt: speaksAlways } }],
    }
  })
}
