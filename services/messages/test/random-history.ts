import { randomUUID as uuid } from 'node:crypto'
import { AppError } from '@parley/shared/errors'
import type { ConversationId, DeviceId, SessionId, UserId } from '@parley/shared/ids'
import { directConversationId, messageIdOf } from '@parley/shared/ids'
import { clientEvents, type ClientEventName, type ClientReply } from '@parley/shared/protocol'
import fc from 'fast-check'
import type { Context } from '../src/context.ts'
import { setForConversation } from '../src/notification-preferences/store.ts'
import { answer } from '../src/operations/operations.ts'

const people = 4
/** The first two places are direct conversations, the others groups. */
const groups = ['public', 'public', 'private', 'chatroom'] as const

const person = fc.nat(people - 1)
const place = fc.nat(1 + groups.length)
const group = fc.integer({ min: 2, max: 1 + groups.length })
/** Chosen among the messages there are, whichever those will be. */
const message = fc.nat(1_000)

/** Something somebody tries. What the rules refuse stays without effect, as it would with any client. */
export type Step = typeof stepOf extends (text: fc.Arbitrary<string>) => fc.Arbitrary<infer S> ? S : never

const stepOf = (text: fc.Arbitrary<string>) =>
  fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({
        does: fc.constant('send' as const),
        by: person,
        place,
        text,
        counted: fc.boolean(),
        synced: fc.boolean(),
      }),
    },
    { weight: 2, arbitrary: fc.record({ does: fc.constant('edit' as const), message, text }) },
    {
      weight: 1,
      arbitrary: fc.record({ does: fc.constant('recall' as const), message, byOwner: fc.boolean() }),
    },
    {
      weight: 2,
      arbitrary: fc.record({ does: fc.constantFrom('hide' as const, 'clear' as const), by: person, message }),
    },
    { weight: 2, arbitrary: fc.record({ does: fc.constant('read' as const), by: person, message }) },
    {
      weight: 3,
      arbitrary: fc.record({
        does: fc.constant('mark' as const),
        by: person,
        message,
        read: fc.boolean(),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ does: fc.constantFrom('conceal' as const, 'mute' as const), by: person, place }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        does: fc.constantFrom('join' as const, 'leave' as const),
        by: person,
        place: group,
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        does: fc.constantFrom('invite' as const, 'kick' as const),
        by: person,
        place: group,
        whom: person,
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ does: fc.constant('dissolve' as const), by: person, place: fc.constant(3) }),
    },
  )

export const historyOf = (text: fc.Arbitrary<string>, maxLength: number): fc.Arbitrary<Step[]> =>
  fc.array(stepOf(text), { minLength: 5, maxLength })

export interface SentMessage {
  place: number
  by: number
  seq: number
}

/** What became of a step that was allowed; with the message it was about, by its number among all. */
export interface Done {
  step: Step
  message: number
}

/** Some people with conversations between them that nobody else is in. */
export interface World {
  userIds: UserId[]
  conversationIds: ConversationId[]
  messages: SentMessage[]
}

export async function createWorld(ctx: Context): Promise<World> {
  const userIds = Array.from({ length: people }, () => `u-${uuid()}` as UserId)
  await ctx.db
    .insertInto('account')
    .values(userIds.map((userId) => ({ userId, passwordHash: null })))
    .execute()
  const [a, b, c, d] = userIds as [UserId, UserId, UserId, UserId]
  const world = {
    userIds,
    conversationIds: [directConversationId(a, b), directConversationId(c, d)],
    messages: [],
  }
  for (const policy of groups) {
    const draft = {
      policy,
      name: policy,
      userIds: [b, c],
      ...(policy === 'private' ? {} : { joinBy: 'free' as const }),
    }
    const { summary } = await ask(ctx, a, 'group:create', draft)
    world.conversationIds.push(summary.conversationId as ConversationId)
  }
  return world
}

/** As a device of a user would ask it, with the defaults of the protocol. */
export async function ask<E extends ClientEventName>(
  ctx: Context,
  userId: UserId,
  event: E,
  request: object,
): Promise<ClientReply<E>> {
  const caller = {
    userId,
    deviceId: 'phone' as DeviceId,
    sessionId: uuid() as SessionId,
    platform: 'ios',
  }
  return (await answer(ctx, caller, event, clientEvents[event].request.parse(request))) as ClientReply<E>
}

/** Carries a step out; undefined if the rules refused it or there was nothing to do it to. */
export async function perform(ctx: Context, world: World, step: Step): Promise<Done | undefined> {
  try {
    return await attempt(ctx, world, step)
  } catch (err) {
    if (err instanceof AppError && err.status < 500) return undefined
    throw err
  }
}

async function attempt(ctx: Context, world: World, step: Step): Promise<Done | undefined> {
  const { userIds, conversationIds, messages } = world
  const user = (index: number) => userIds[index] as UserId
  const conversation = (index: number) => conversationIds[index] as ConversationId
  if (step.does === 'send') {
    const { by, place: at, text, counted, synced } = step
    const others: Record<number, [number, number]> = { 0: [0, 1], 1: [2, 3] }
    const other = others[at]?.find((index) => index !== by)
    const to = other === undefined ? { conversationId: conversation(at) } : { userId: user(other) }
    // Who is neither of the two people of a direct conversation would open one of their own.
    if (other !== undefined && !others[at]?.includes(by)) return undefined
    const draft = {
      clientMessageId: uuid(),
      to,
      type: 'text',
      content: { text },
      switches: { counted, synced },
    }
    const { seq } = await ask(ctx, user(by), 'message:send', draft)
    return { step, message: messages.push({ place: at, by, seq }) - 1 }
  }
  if ('message' in step) {
    const index = step.message % Math.max(messages.length, 1)
    const target = messages[index]
    if (!target) return undefined
    const conversationId = conversation(target.place)
    const messageId = messageIdOf(conversationId, target.seq)
    const done = { step, message: index }
    switch (step.does) {
      case 'edit':
        await ask(ctx, user(target.by), 'message:edit', {
          conversationId,
          messageId,
          content: { text: step.text },
        })
        return done
      case 'recall':
        await ask(ctx, user(step.byOwner ? 0 : target.by), 'message:recall', { conversationId, messageId })
        return done
      case 'hide':
        await ask(ctx, user(step.by), 'message:hide', { conversationId, messageIds: [messageId] })
        return done
      case 'clear':
        await ask(ctx, user(step.by), 'log:clear', { conversationId, seq: target.seq })
        return done
      case 'read':
        await ask(ctx, user(step.by), 'receipt:read', { conversationId, seq: target.seq })
        return done
      case 'mark':
        await ask(ctx, user(step.by), 'message:mark', {
          conversationId,
          messageIds: [messageId],
          read: step.read,
        })
        return done
    }
  }
  const [by, conversationId] = [user(step.by), conversation(step.place)]
  const done = { step, message: -1 }
  switch (step.does) {
    case 'conceal':
      await ask(ctx, by, 'conversation:set', { conversationId, hidden: true })
      return done
    case 'mute': {
      const wish = { level: 'none' as const, until: null, mentionAll: false }
      return (await setForConversation(ctx.db, { userId: by, conversationId }, wish)) ? done : undefined
    }
    case 'join':
      return (await ask(ctx, by, 'group:join', { conversationId })).result === 'done' ? done : undefined
    case 'leave':
      await ask(ctx, by, 'group:leave', { conversationId })
      return done
    case 'invite':
    case 'kick': {
      const { results } = await ask(ctx, by, `group:${step.does}`, {
        conversationId,
        userIds: [user(step.whom)],
      })
      return results[0]?.result === 'done' ? done : undefined
    }
    case 'dissolve':
      await ask(ctx, by, 'group:dissolve', { conversationId })
      return done
  }
}
