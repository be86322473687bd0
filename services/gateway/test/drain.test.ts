import { io } from 'socket.io-client'
import { expect } from 'vitest'
import { WebSocket } from 'ws'
import { connectClient, test as base } from './fixture.ts'

const test = base.extend('hold', ({ messages: { handlers } }, { onCleanup }) => {
  const stock = { ...handlers }
  onCleanup(() => void Object.assign(handlers, stock))
  /** Holds back what messages says to questions that have these words until it is let go; the first of them resolves `asked`. */
  return (method: 'sessions/open' | 'messages/send', words = '') => {
    const answer = stock[method] as (request: unknown) => unknown
    const [asked, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const held = async (request: unknown) => {
      if (JSON.stringify(request).includes(words)) {
        asked.resolve()
        await gate.promise
      }
      return answer(request)
    }
    handlers[method] = held as never
    return { asked: asked.promise, letGo: gate.resolve }
  }
})

/** A send that a node waits for before it closes the socket. */
const lastWords = {
  clientMessageId: 'x',
  to: { userId: 'bob' },
  type: 'text',
  content: { text: 'last words' },
}

test('P11 a node that goes away tells its clients, closes with 4503, and leaves the others alone', async ({
  start,
  b,
  issuer,
}) => {
  const node = await start('leaving')
  await using leaving = await connectClient(node.url, issuer)
  await using staying = await connectClient(b.url, issuer)
  const told = new Promise((resolve) => leaving.socket.once('session:draining', resolve))
  const closed = new Promise((resolve) =>
    leaving.socket.once('disconnect', (_reason, details) =>
      resolve((details as { context?: { code?: number } }).context?.code),
    ),
  )
  await node[Symbol.asyncDispose]()
  expect(await told).toMatchObject({
    reconnectAfterMs: expect.any(Number),
    returnTicket: expect.any(String),
  })
  expect(await closed).toBe(4503)
  expect(staying.socket.connected).toBe(true)
})

test('P11 a send in hand is answered before its socket is closed', async ({ start, issuer, hold }) => {
  const node = await start('answering')
  await using alice = await connectClient(node.url, issuer)
  const sends = hold('messages/send')
  const reply = alice.ask('message:send', lastWords)
  await sends.asked
  const gone = node[Symbol.asyncDispose]()
  sends.letGo()
  expect(await reply).toMatchObject({ ok: true })
  await gone
})

test.for(['websocket', 'polling'] as const)(
  'P11 a handshake over %s that is under way when its node drains is refused with a code and leaves no rooms behind',
  async (transport, { start, issuer, hold }) => {
    const node = await start(`late-${transport}`)
    await using first = await connectClient(node.url, issuer)
    // A node asks for those who are here too, once it hears orders.
    const [sends, sessions] = [hold('messages/send'), hold('sessions/open', '"late"')]
    const reply = first.ask('message:send', lastWords)
    await sends.asked
    const late = io(node.url, {
      transports: [transport],
      reconnection: false,
      forceNew: true,
      auth: { token: await issuer.sign({ userId: 'late' }) },
    })
    const outcome = new Promise((resolve) =>
      late.on('connect_error', resolve).on('connect', () => resolve('was let in')),
    )
    await sessions.asked
    const gone = node[Symbol.asyncDispose]()
    sessions.letGo()
    expect(await outcome).toMatchObject({
      data: { code: 'draining', retryable: true, retryAfterMs: expect.any(Number) },
    })
    expect(node.io.of('/').adapter.rooms.has('u:late')).toBe(false)
    sends.letGo()
    expect(await reply).toMatchObject({ ok: true })
    await gone
  },
)

test('P11 a handshake that begins on a node that drains costs nothing but its refusal', async ({
  start,
  issuer,
  messages,
  hold,
}) => {
  const node = await start('late-begun')
  await using first = await connectClient(node.url, issuer)
  const sends = hold('messages/send')
  const reply = first.ask('message:send', lastWords)
  await sends.asked
  const raw = new WebSocket(`${node.url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`)
  await new Promise((resolve) => raw.once('message', resolve))
  const { opened } = messages.seen
  const gone = node[Symbol.asyncDispose]()
  raw.send(`40${JSON.stringify({ token: await issuer.sign({ userId: 'late' }) })}`)
  const answer = await new Promise((resolve) => raw.once('message', resolve))
  expect(String(answer)).toMatch(/^44.*"code":"draining"/)
  expect(messages.seen.opened).toBe(opened)
  sends.letGo()
  expect(await reply).toMatchObject({ ok: true })
  await gone
  raw.terminate()
})
