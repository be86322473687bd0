import type { ConversationId, UserId } from '@parley/shared/ids'
import { changeContact } from '../contacts/change-contact.ts'
import * as rules from '../contacts/rules.ts'
import * as contacts from '../contacts/store.ts'
import type { Context } from '../context.ts'
import { withdraw } from '../groups/leave.ts'
import type { Policies } from '../policies/load-policies.ts'
import { publicGroup } from '../policies/shipped.ts'
import { erasedReason } from './erased.ts'
import * as store from './store.ts'
import { suspendAccount } from './suspend-account.ts'

const perPage = 200

/**
 * Shuts a user out for good and forgets who they were: first every session ends, then they leave their groups, which
 * pass on if they owned them, and their contacts, who are told; then name, picture, password, devices and their own
 * log's words go. The id stays taken, so that nobody can pass for them, and what they wrote stays with those they wrote to.
 * Whatever stops this half-way, doing it again goes on. Error: `not_found`.
 */
export async function deleteAccount(ctx: Context, userId: UserId): Promise<void> {
  await suspendAccount(ctx, userId, { reason: erasedReason })
  const leaving = { ...ctx, policies: await policiesOf(ctx, userId) }
  for (let page = await groupsOf(ctx, userId); page.length > 0; page = await groupsOf(ctx, userId)) {
    for (const conversationId of page) await withdraw(leaving, userId, conversationId)
  }
  await leaveContacts(ctx, userId)
  const directs = await store.listConversations(ctx.db, { userId, kinds: ['direct'], limit: null })
  for (const conversationId of directs) {
    await ctx.db.transaction().execute((trx) => store.closeDirect(trx, conversationId, userId))
  }
  await ctx.db.transaction().execute((trx) => store.eraseAccount(trx, userId))
}

/** A group whose kind is configured no more is left by the rules of a public one: it passes on if it is owned. */
async function policiesOf(
  { db, policies }: Pick<Context, 'db' | 'policies'>,
  userId: UserId,
): Promise<Policies> {
  const kinds = await store.listPolicies(db, userId)
  return new Map([...kinds.map((id) => [id, publicGroup] as const), ...policies])
}

const groupsOf = async ({ db }: Pick<Context, 'db'>, userId: UserId) =>
  (await store.listConversations(db, {
    userId,
    kinds: ['group', 'live'],
    limit: perPage,
  })) as ConversationId[]

/** The operator does this once, so the rate that keeps people from pestering each other does not hold. */
async function leaveContacts(ctx: Context, userId: UserId): Promise<void> {
  const unhurried = { ...ctx, contactLimits: { take: () => undefined } }
  const roster = await contacts.listRoster(ctx.db, { userId, since: 0, limit: 10_000 })
  for (const { otherId, state } of roster) {
    if (state !== 'contact' && state !== 'requested' && state !== 'received') continue
    await changeContact(unhurried, { userId, otherId: otherId as UserId }, rules.remove)
  }
}
