import { randomUUID as uuid } from 'node:crypto'
import type { Entry } from '@parley/shared/entry'
import type { ClientEventName, Result } from '@parley/shared/protocol'
import { signOperatorToken } from '@parley/testing/operator-token'
import { io } from 'socket.io-client'
import { expect, vi } from 'vitest'
import { test as base } from './fixture.ts'

/**
 * A device that writes down what it hears of groups. A doorbell may ring twice (ADR 5), and a new member is rung at
 * in two rooms; as clients do, the second is taken for what it is.
 */
async function listen(url: string, userId: string, deviceId: string) {
  const token = await signOperatorToken({ userId, deviceId })
  const socket = io(url, { transports: ['websocket'], forceNew: true, reconnection: false, auth: { token } })
  const heard: string[] = []
  const seqs = new Map<string, number>()
  socket.on('entry:new', ({ entry }: { entry: Entry }) => {
    if (entry.conversationId.startsWith('s-')) return
    if (entry.seq <= (seqs.get(entry.conversationId) ?? 0)) return
    seqs.set(entry.conversationId, entry.seq)
    heard.push(`${entry.seq} ${entry.type}`)
  })
  socket.on('conversation:ended', ({ reason, note }: { reason: string; note?: string }) =>
    heard.push(['ended', reason, note].filter(Boolean).join(' ')),
  )
  socket.on('conversation:changed', ({ settings }: { settings: { pinned: boolean } }) =>
    heard.push(settings.pinned ? 'pinned' : 'unpinned'),
  )
  await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('connect_error', reject))
  const closed = new Promise<void>((resolve) => socket.once('disconnect', () => resolve()))
  return {
    heard,
    userId,
    closed,
    async ask(event: ClientEventName, request: object): Promise<Record<string, unknown>> {
      const result = (await socket.timeout(20_000).emitWithAck(event, request)) as Result<
        Record<string, unknown>
      >
      if (!result.ok) throw new Error(`${event}: ${result.error.code}`)
      return result.data
    },
    async [Symbol.asyncDispose]() {
      socket.disconnect()
    },
  }
}
type Listener = Awaited<ReturnType<typeof listen>>

/** Ann with a phone on one gateway and a tablet on the other; Ben and Cid on one each. */
const test = base.extend('people', async ({ stack }, { onCleanup }) => {
  const [first, second] = stack.urls.gateways
  const [ann, ben, cid] = [`ann-${uuid()}`, `ben-${uuid()}`, `cid-${uuid()}`]
  const phone = await listen(first, ann, 'phone')
  const people = {
    phone,
    tablet: await listen(second, ann, 'tablet'),
    ben: await listen(second, ben, 'phone'),
    cid: await listen(first, cid, 'phone'),
  }
  onCleanup(
    async () => void (await Promise.all(Object.values(people).map((each) => each[Symbol.asyncDispose]()))),
  )
  return people
})

const hears = (listener: Listener, last: string) => vi.waitUntil(() => listener.heard.includes(last))

const say = (by: Listener, conversationId: string) =>
  by.ask('message:send', {
    clientMessageId: uuid(),
    to: { conversationId },
    type: 'text',
    content: { text: 'hi' },
  })

async function found(by: Listener, policy: string, others: Listener[]): Promise<string> {
  const userIds = others.map(({ userId }) => userId)
  const { summary } = await by.ask('group:create', { name: 'G', policy, userIds })
  return (summary as { conversationId: string }).conversationId
}

test('A8.14 P3 P9 members on two gateways hear a group change, each device all of it in order, from its joining to its end', async ({
  people: { phone, tablet, ben, cid },
}) => {
  const conversationId = await found(phone, 'public', [ben])
  const target = { conversationId }
  for (const each of [phone, tablet, ben]) await hears(each, '1 group.created')
  await phone.ask('group:invite', { ...target, userIds: [cid.userId] })
  await hears(cid, '2 group.members-added')
  await phone.ask('group:update', { ...target, name: 'New' })
  await phone.ask('group:silence', { ...target, userId: cid.userId, seconds: 60 })
  await phone.ask('group:appoint', { ...target, userId: cid.userId, role: 'admin' })
  await phone.ask('conversation:set', { ...target, pinned: true })
  await phone.ask('group:transfer', { ...target, userId: ben.userId })
  for (const each of [tablet, cid]) await hears(each, '6 group.owner-changed')
  await ben.ask('group:kick', { ...target, userIds: [cid.userId], reason: 'spam' })
  await hears(cid, 'ended kicked spam')
  await say(phone, conversationId)
  await hears(ben, '8 text')
  await ben.ask('group:dissolve', target)
  for (const each of [phone, tablet, ben]) await hears(each, 'ended dissolved')

  const changes = [
    '2 group.members-added',
    '3 group.changed',
    '4 group.silenced',
    '5 group.role-changed',
    '6 group.owner-changed',
  ]
  const whole = ['1 group.created', ...changes, '7 group.kicked', '8 text', 'ended dissolved']
  const ofGroup = ({ heard }: Listener) => heard.filter((it) => it !== 'pinned')
  expect(ofGroup(phone)).toEqual(whole)
  expect(ofGroup(tablet)).toEqual(whole)
  expect(ben.heard).toEqual(whole)
  // Who was removed hears why, and nothing after it; what only concerns Ann is heard by Ann's devices alone.
  expect(cid.heard).toEqual([...changes, 'ended kicked spam'])
  await hears(tablet, 'pinned')
})

test('P9 who was removed is out at once, on every device and gateway, for sending and reading too', async ({
  stack,
  people: { phone, tablet, ben, cid },
}) => {
  await using watch = await listen(stack.urls.gateways[0], ben.userId, 'watch')
  const conversationId = await found(phone, 'public', [ben, cid])
  for (const each of [tablet, ben, watch, cid]) await hears(each, '1 group.created')
  await phone.ask('group:kick', { conversationId, userIds: [ben.userId] })
  for (const device of [ben, watch]) {
    await expect(say(device, conversationId)).rejects.toThrow('forbidden')
    await expect(device.ask('log:read', { conversationId })).rejects.toThrow('forbidden')
  }
  await say(phone, conversationId)
  await hears(cid, '3 text')
  for (const device of [ben, watch]) {
    await hears(device, 'ended kicked')
    expect(device.heard).toEqual(['1 group.created', 'ended kicked'])
  }
})

test('P9 suspending an account closes its sockets on both gateways, and lets no new one in', async ({
  stack,
  people: { phone, tablet, ben },
}) => {
  const suspended = await fetch(
    new URL(`/admin/accounts/${phone.userId}/suspension`, stack.urls.messagesInternal),
    {
      method: 'PUT',
      headers: { 'content-type': 'application/json', 'x-parley-internal': stack.internalSecret },
      body: JSON.stringify({ reason: 'fraud' }),
    },
  )
  expect(suspended.status).toBeLessThan(300)
  await Promise.all([phone.closed, tablet.closed])
  const knock = (url: string) =>
    listen(url, phone.userId, uuid()).then(
      () => 'let in',
      (err: Error) => err.message,
    )
  for (const url of stack.urls.gateways) {
    // A connection may break before its handshake is answered.
    const answers = new Set<string>()
    await vi.waitUntil(async () =>
      /suspended|let in/.test(answers.add(await knock(url)) && [...answers].join()),
    )
    expect([...answers]).not.toContain('let in')
  }
  expect(await ben.ask('unread:count', {})).toHaveProperty('total')
})

test("tokens of the operator's own back end are good for sockets, messages and media alike", async ({
  api,
}) => {
  const token = await signOperatorToken({ userId: `dan-${uuid()}`, deviceId: 'phone' })
  expect((await api.get('/v1/me', token)).status).toBe(200)
  const draft = { fileName: 'a.png', contentType: 'image/png', sizeBytes: 68 }
  expect((await api.post('/v1/media/uploads', draft, token)).status).toBe(201)
  expect((await api.post('/v1/media/uploads', draft, `${token}x`)).status).toBe(401)
})
