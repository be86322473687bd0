import type { UserId } from '@parley/shared/ids'
import type { ClientReply, ClientRequest } from '@parley/shared/protocol'
import type { Context } from '../context.ts'
import { notAllowed, notAMember, notTheirMember } from '../errors.ts'
import { changeGroup } from './change-group.ts'
import * as store from './store.ts'

/** A date that every clock agrees is far away, and JSON can say. */
const forEver = new Date('9999-12-31T00:00:00Z')

/** Keeps one member from writing for a time. */
export async function silence(
  ctx: Context,
  actorId: UserId,
  { conversationId, userId, seconds }: ClientRequest<'group:silence'>,
): Promise<ClientReply<'group:silence'>> {
  return changeGroup(ctx, { actorId, conversationId }, async (group) => {
    if (!group.role) throw notAMember()
    if (!group.policy.silence[group.role]) throw notAllowed()
    const target = await store.findRole(group.trx, conversationId, userId)
    if (!target) throw notTheirMember()
    if (!group.mayTo('silence', target)) throw notAllowed()
    const silencedUntil = seconds === null ? forEver : new Date(Date.now() + seconds * 1_000)
    await store.updateMember(group.trx, conversationId, userId, {
      silencedUntil: seconds === 0 ? null : silencedUntil,
    })
    const until = seconds === 0 ? {} : { until: silencedUntil.toISOString() }
    return { result: {}, happened: [{ kind: 'silenced', content: { userIds: [userId], ...until } }] }
  })
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
