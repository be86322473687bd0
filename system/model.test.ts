import { randomUUID as uuid } from 'node:crypto'
import type { Stack } from '@parley/local/stack'
import { directConversationId, messageIdOf, type UserId } from '@parley/shared/ids'
import type { ClientEventName, Result, SyncPage } from '@parley/shared/protocol'
import { checkProperty } from '@parley/testing/check-property'
import { signOperatorToken } from '@parley/testing/operator-token'
import fc from 'fast-check'
import { expect, vi } from 'vitest'
import { test } from './fixture.ts'
import { Device } from './model/device.ts'
import { Model, owner, pairs } from './model/model.ts'

/** Whose each device is. They are on two gateways in turn. */
const deviceOwners = [0, 0, 1, 1, 2]

const device = fc.nat(deviceOwners.length - 1)
const place = fc.nat(3)
const group = fc.integer({ min: 2, max: 3 })
const person = fc.nat(2)
const over = fc.record({ overHttp: fc.boolean() })
/** Counted from the end of the log. */
const back = fc.nat(6)

const command = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      does: fc.constant('send' as const),
      device,
      place,
      over,
      fault: fc.constantFrom('none' as const, 'twice' as const, 'break' as const),
    }),
  },
  { weight: 2, arbitrary: fc.record({ does: fc.constant('burst' as const), place }) },
  {
    weight: 3,
    arbitrary: fc.record({
      does: fc.constantFrom('edit' as const, 'recall' as const),
      device,
      place,
      back,
      over,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      does: fc.constant('react' as const),
      device,
      place,
      back,
      over,
      emoji: fc.constantFrom('+', '-'),
      remove: fc.boolean(),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      does: fc.constantFrom('hide' as const, 'clear' as const, 'read' as const),
      device,
      place,
      back,
      over,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      does: fc.constant('mark' as const),
      device,
      place,
      back,
      over,
      read: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      does: fc.constantFrom('join' as const, 'leave' as const),
      device,
      place: group,
      over,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      does: fc.constantFrom('kick' as const, 'invite' as const),
      device,
      place: group,
      whom: person,
      over,
    }),
  },
  { weight: 1, arbitrary: fc.record({ does: fc.constant('dissolve' as const), device, place: group, over }) },
  {
    weight: 1,
    arbitrary: fc.record({
      does: fc.constantFrom('block' as const, 'unblock' as const),
      place: fc.nat(1),
      first: fc.boolean(),
    }),
  },
  { weight: 3, arbitrary: fc.record({ does: fc.constantFrom('go' as const, 'come' as const), device }) },
  { weight: 1, arbitrary: fc.record({ does: fc.constant('look' as const) }) },
)
type Command = typeof command extends fc.Arbitrary<infer T> ? T : never

test(
  'P3 P4 P5 P9 whatever people do, over sockets and HTTP, with lost connections, all devices show what the rules say',
  { timeout: 480_000 },
  async ({ stack }) => {
    const runs = fc.array(command, { minLength: 4, maxLength: 14 })
    await checkProperty(runs, { runs: 1_000, atOnce: 10, withinMs: 420_000 }, async (commands) => {
      await using run = await startRun(stack)
      for (const each of commands) await run.carryOut(each)
      await run.lookAtAll()
    })
  },
)

async function startRun(stack: Stack) {
  const model = new Model()
  const userIds = ['ann', 'ben', 'cid'].map((name) => `${name}-${uuid()}` as UserId) as [
    UserId,
    UserId,
    UserId,
  ]
  const tokens = await Promise.all(
    deviceOwners.map((whose, index) =>
      signOperatorToken({ userId: userIds[whose] as string, deviceId: `device-${index}` }),
    ),
  )
  const devices = tokens.map(
    (token, index) =>
      new Device(token, { gateway: stack.urls.gateways[index % 2] as string, http: stack.urls.messages }),
  )
  const deviceAt = (index: number) => devices[index] as Device
  await Promise.all(devices.map((each) => each.connect()))

  const create = async (policy: string, others: number[]) => {
    const draft = { policy, name: policy, joinBy: 'free', userIds: others.map((other) => userIds[other]) }
    const made = await deviceAt(0).ask<{ summary: { conversationId: string } }>('group:create', draft)
    if (!made.ok) throw new Error(made.error.message)
    return made.data.summary.conversationId
  }
  const conversationIds = [
    ...pairs.map(([a, b]) => directConversationId(userIds[a] as UserId, userIds[b] as UserId) as string),
    await create('public', [1]),
    await create('chatroom', [1, 2]),
  ]
  const idAt = (at: number) => conversationIds[at] as string
  let texts = 0

  /** That the server says of a request what the model says. */
  async function agree(
    asked: Promise<Result<{ seq?: number }>>,
    expected: number | undefined,
  ): Promise<void> {
    const result = await asked
    expect({ ok: result.ok, ...(result.ok ? {} : result.error) }).toMatchObject({
      ok: expected !== undefined,
    })
    if (result.ok && expected && result.data.seq !== undefined) expect(result.data.seq).toBe(expected)
  }

  function draftFrom(by: number, at: number) {
    const pair = pairs[at]
    const other = pair?.find((each) => each !== by)
    const to = pair ? { userId: userIds[other ?? 0] } : { conversationId: idAt(at) }
    const text = `text ${++texts}`
    return { text, draft: { clientMessageId: uuid(), to, type: 'text', content: { text } } }
  }

  async function send(it: Extract<Command, { does: 'send' }>): Promise<void> {
    const by = deviceOwners[it.device] as number
    if (pairs[it.place] && !pairs[it.place]?.some((each) => each === by)) return
    const { draft, text } = draftFrom(by, it.place)
    const sender = deviceAt(it.device)
    const expected = model.send(by, it.place, text)
    if (it.fault === 'break' && sender.isOnline) {
      sender.sayAndBreak('message:send', draft)
      await sender.connect()
    }
    await agree(sender.ask('message:send', draft, it.over), expected)
    if (it.fault === 'twice') await agree(sender.ask('message:send', draft), expected)
  }

  /** All who may write do so at once; the log says in which order. */
  async function burst(at: number): Promise<void> {
    const writers = deviceOwners
      .map((by, index) => ({ by, index }))
      .filter(({ by }) => model.standing(by, at))
    const said = writers.map(({ by, index }) => ({ by, index, ...draftFrom(by, at) }))
    const results = await Promise.all(
      said.map(({ index, draft }) => deviceAt(index).ask<{ seq: number }>('message:send', draft)),
    )
    const ordered = said
      .flatMap(({ by, text }, i) => {
        const result = results[i]
        return result?.ok ? [{ by, text, seq: result.data.seq }] : []
      })
      .toSorted((a, b) => a.seq - b.seq)
    for (const { by, text, seq } of ordered) expect(model.send(by, at, text)).toBe(seq)
    if (ordered.length < said.length) expect(model.send(said[0]?.by ?? owner, at, 'refused')).toBeUndefined()
  }

  async function carryOut(it: Command): Promise<void> {
    if (it.does === 'send') return send(it)
    if (it.does === 'burst') return burst(it.place)
    if (it.does === 'look') return look()
    if (!('place' in it))
      return it.does === 'go' ? deviceAt(it.device).disconnect() : deviceAt(it.device).connect()
    if ('first' in it) {
      const [a, b] = pairs[it.place] as readonly [number, number]
      const [by, other] = it.first ? [a, b] : [b, a]
      const path = `/v1/contacts/${userIds[other]}/block`
      const device = deviceAt(deviceOwners.indexOf(by))
      const result = await (it.does === 'block' ? device.put(path) : device.delete(path))
      expect(result.ok).toBe(true)
      return model.block(by, it.place, it.does === 'block')
    }
    return 'back' in it ? changeMessage(it) : changeMembers(it)
  }

  async function changeMembers(
    it: Extract<Command, { does: 'join' | 'leave' | 'kick' | 'invite' | 'dissolve' }>,
  ): Promise<void> {
    const by = deviceOwners[it.device] as number
    const conversationId = idAt(it.place)
    const ask = (event: ClientEventName, request: object = {}) =>
      deviceAt(it.device).ask<{ seq?: number }>(event, { conversationId, ...request }, it.over)
    switch (it.does) {
      case 'join':
        return agree(ask('group:join'), model.join(by, it.place))
      case 'leave':
        return agree(ask('group:leave'), model.leave(by, it.place))
      case 'kick':
        return agree(ask('group:kick', { userIds: [userIds[it.whom]] }), model.kick(by, it.whom, it.place))
      case 'invite':
        if (by !== owner) return
        return agree(ask('group:invite', { userIds: [userIds[it.whom]] }), model.invite(it.whom, it.place))
      case 'dissolve':
        return agree(ask('group:dissolve'), model.dissolve(by, it.place))
    }
  }

  /** Also what one has of a conversation up to a message. */
  async function changeMessage(it: Extract<Command, { back: number }>): Promise<void> {
    const by = deviceOwners[it.device] as number
    const conversationId = idAt(it.place)
    const ask = (event: ClientEventName, request: object = {}) =>
      deviceAt(it.device).ask<{ seq?: number }>(event, { conversationId, ...request }, it.over)
    const seq = model.lastSeq(it.place) - it.back
    if (seq < 1) return
    const messageId = messageIdOf(conversationId, seq)
    const text = `text ${++texts}`
    switch (it.does) {
      case 'edit':
        return agree(
          ask('message:edit', { messageId, content: { text } }),
          model.edit(by, it.place, seq, text),
        )
      case 'recall':
        return agree(ask('message:recall', { messageId }), model.recall(by, it.place, seq))
      case 'react': {
        const { emoji, remove } = it
        return agree(
          ask('message:react', { messageId, emoji, remove }),
          model.react(by, it.place, seq, emoji, remove),
        )
      }
      case 'hide':
        return agree(ask('message:hide', { messageIds: [messageId] }), model.hide(by, it.place, seq))
      case 'clear':
        return agree(ask('log:clear', { seq }), model.clear(by, it.place, seq))
      case 'read':
        return agree(ask('receipt:read', { seq }), model.read(by, it.place, seq))
      case 'mark':
        return agree(
          ask('message:mark', { messageIds: [messageId], read: it.read }),
          model.mark(by, it.place, seq, it.read),
        )
    }
  }

  const shown = (index: number) => {
    const whose = deviceOwners[index] as number
    const places = conversationIds.map((_, at) => at).filter((at) => model.standing(whose, at))
    const expected = Object.fromEntries(places.map((at) => [idAt(at), model.seen(whose, at, userIds)]))
    const here = deviceAt(index)
    const floors = new Map(places.map((at) => [idAt(at), model.standing(whose, at)?.floor ?? 0]))
    const actual = Object.fromEntries(
      here.conversations().map((id) => [id, here.seen(id, floors.get(id) ?? 0)]),
    )
    return { expected, actual }
  }

  /** Every device that is connected comes to show what the model shows, by what it was told alone. */
  async function look(): Promise<void> {
    for (const [index, each] of devices.entries()) {
      if (!each.isOnline) continue
      const agrees = async () => {
        await each.idle()
        const { expected, actual } = shown(index)
        return isSame(expected, actual)
      }
      await vi.waitUntil(agrees, { interval: 10 }).catch(() => undefined)
      const { expected, actual } = shown(index)
      expect(actual, `device ${index}`).toEqual(expected)
    }
  }

  return {
    carryOut,
    async lookAtAll(): Promise<void> {
      await Promise.all(devices.map((each) => each.connect()))
      await look()
      for (const whose of userIds.keys()) {
        const page = await deviceAt(deviceOwners.indexOf(whose)).ask<SyncPage>(
          'log:sync',
          {},
          { overHttp: true },
        )
        if (!page.ok) throw new Error(page.error.message)
        const told = new Map(page.data.conversations.map((change) => [change.conversationId, change]))
        for (const [at, conversationId] of conversationIds.entries()) {
          const standing = model.standing(whose, at)
          const change = told.get(conversationId)
          expect(change !== undefined).toBe(standing !== undefined)
          if (!standing || !change) continue
          const marked = (seqs: number[] = []) => seqs.filter((seq) => seq > standing.floor)
          expect({
            ...change.watermarks,
            unread: change.unread,
            readSeqs: marked(change.readSeqs),
            unreadSeqs: marked(change.unreadSeqs),
            lastSeq: change.summary.lastSeq,
          }).toMatchObject({
            readSeq: standing.read,
            clearedSeq: standing.cleared,
            unread: model.unread(whose, at),
            readSeqs: model.marked(whose, at, true),
            unreadSeqs: model.marked(whose, at, false),
            lastSeq: model.lastSeq(at),
          })
        }
      }
    },
    async [Symbol.asyncDispose](): Promise<void> {
      await Promise.all(devices.map((each) => each[Symbol.asyncDispose]()))
    },
  }
}

const isSame = (a: object, b: object) => {
  try {
    expect(b).toEqual(a)
    return true
  } catch {
    return false
  }
}
