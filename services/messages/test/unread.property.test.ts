import type { UserId } from '@parley/shared/ids'
import { logIn, signUp } from '@parley/testing/chat-api'
import { checkProperty } from '@parley/testing/check-property'
import fc from 'fast-check'
import { expect } from 'vitest'
import type { Context } from '../src/context.ts'
import { listBadges } from '../src/deliveries/shown-store.ts'
import { test } from './fixture.ts'
import { ask, createWorld, historyOf, perform, type World } from './random-history.ts'
import { createUnreadModel } from './unread-model.ts'

const histories = historyOf(fc.constantFrom('a', 'b'), 60)

test('P5 the list, the sync, the total and the badge agree with each other and with a model, after any history', async ({
  service: { ctx },
}) => {
  await checkProperty(histories, { runs: 200, atOnce: 10, withinMs: 120_000 }, (history) =>
    check(ctx, history),
  )
})

async function check(ctx: Context, history: Parameters<typeof perform>[2][]): Promise<void> {
  const world = await createWorld(ctx)
  const model = createUnreadModel(world)
  for (const step of history) {
    const done = await perform(ctx, world, step)
    if (done) model.follow(done)
  }
  const badges = await listBadges(ctx.db, world.userIds)
  for (const [person, userId] of world.userIds.entries()) {
    const expected = model.unread(person)
    const sum = expected.reduce<number>((total, unread) => total + (unread ?? 0), 0)
    const synced = (await ask(ctx, userId, 'log:sync', {})).conversations
    // A direct conversation exists from its first message on.
    expect(unreadByPlace(world, synced)).toEqual(expected.map((unread) => unread ?? 0))
    const listed = (await ask(ctx, userId, 'conversation:list', {})).conversations
    expect(listed.reduce((total, { unread }) => total + unread, 0)).toBe(sum)
    expect(await ask(ctx, userId, 'unread:count', {})).toEqual({ total: sum })
    expect(badges.get(userId) ?? 0).toBe(sum)
  }
}

function unreadByPlace(
  { conversationIds }: World,
  conversations: { conversationId: string; unread: number }[],
) {
  const unread = new Map(conversations.map((it) => [it.conversationId, it.unread]))
  return conversationIds.map((conversationId) => unread.get(conversationId) ?? 0)
}

test('A7.7 P5 GET /v1/unread is the same total', async ({ service: { ctx }, api }) => {
  const ann = await signUp(api, 'ann')
  const ben = await logIn(api, (await signUp(api, 'ben')).userId)
  for (const text of ['one', 'two'])
    await ask(ctx, ann.userId as UserId, 'message:send', {
      clientMessageId: text,
      to: { userId: ben.userId },
      type: 'text',
      content: { text },
    })
  expect((await api.get('/v1/unread', ben.token)).body).toEqual({ total: 2 })
  expect(await ask(ctx, ben.userId as UserId, 'unread:count', {})).toEqual({ total: 2 })
})
