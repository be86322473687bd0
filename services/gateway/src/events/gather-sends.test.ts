import { EventEmitter } from 'node:events'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { gatherSends } from './gather-sends.ts'
import { takeSendsOf } from './take-send.ts'

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'], now: 1_000_000 }))
afterEach(() => void vi.useRealTimers())

/** Transports as Engine.IO has them, and what reaches them. */
function createTransports() {
  const heard: string[] = []
  class Transport {
    readonly name: string
    constructor(name: string) {
      this.name = name
    }
    onData(data: string) {
      heard.push(`${this.name} ${data}`)
    }
    onClose() {
      heard.push(`${this.name} closed`)
    }
  }
  class Polling extends Transport {}
  class JsonPolling extends Polling {}
  class WebSocket extends Transport {}
  const engine = new EventEmitter()
  gatherSends(engine as never)
  engine.emit('connection', { transport: new JsonPolling('first') })
  const [a, b] = [new WebSocket('a'), new WebSocket('b')]
  /** So that what follows is of a crowd. */
  for (let i = 0; i < 3; i++) b.onData('42["message:send",{}]')
  heard.length = 0
  return { a, b, heard }
}

test('sends and receipts of a crowd go on together, whoever they are of, in the order they came', () => {
  const { a, b, heard } = createTransports()
  a.onData('421["message:send",{"n":1}]')
  b.onData('4212["receipt:deliver",{"n":2}]')
  a.onData('422["message:send",{"n":3}]')
  expect(heard).toEqual([])
  vi.advanceTimersByTime(25)
  expect(heard).toEqual([
    'a 421["message:send",{"n":1}]',
    'b 4212["receipt:deliver",{"n":2}]',
    'a 422["message:send",{"n":3}]',
  ])
})

test('while few come nobody waits', () => {
  const { a, heard } = createTransports()
  vi.advanceTimersByTime(1_000)
  for (let i = 1; i <= 3; i++) a.onData(`42${i}["message:send",{}]`)
  expect(heard).toHaveLength(3)
})

test.for(['3', '41', '42["message:sending"]', '421["receipt:read",{}]', '42', '451-["message:send",{}]'])(
  'what else a connection says (%s) lets its sends go first, and waits for nobody',
  (other) => {
    const { a, b, heard } = createTransports()
    a.onData('421["message:send",{}]')
    b.onData(other)
    expect(heard).toEqual([`b ${other}`])
    a.onData(other)
    expect(heard.slice(1)).toEqual(['a 421["message:send",{}]', `a ${other}`])
    expect(vi.getTimerCount()).toBe(0)
  },
)

test('what arrived before the end of a connection is taken before it', () => {
  const { a, b, heard } = createTransports()
  a.onData('421["message:send",{}]')
  b.onClose()
  a.onClose()
  expect(heard).toEqual(['b closed', 'a 421["message:send",{}]', 'a closed'])
})

test('the sends of a connection that has its own way are taken by it, decoded; everything odd is left to Socket.IO', () => {
  const { a, heard } = createTransports()
  const taken: unknown[][] = []
  const socket = { connected: true, conn: { transport: a, readyState: 'open' } }
  takeSendsOf(socket as never, (_socket, ackId, payload) => taken.push([ackId, payload]))
  const say = (data: string) => {
    a.onData(data)
    vi.advanceTimersByTime(25)
  }
  say('4217["message:send",{"n":1}]')
  expect([taken, heard]).toEqual([[[17, { n: 1 }]], []])
  const odd = [
    '42["message:send",{}]',
    '421["message:send",{},{}]',
    '421["message:send",{]',
    '42/other,1["message:send",{}]',
    '421["receipt:deliver",{}]',
    '420x1["message:send",{}]',
    '42-1["message:send",{}]',
    '421234567890123456["message:send",{}]',
  ]
  odd.forEach(say)
  expect(heard.splice(0)).toEqual(odd.map((data) => `a ${data}`))
  socket.connected = false
  say('421["message:send",{}]')
  socket.connected = true
  socket.conn.readyState = 'closing'
  say('421["message:send",{}]')
  expect(heard).toHaveLength(2)
  expect(taken).toHaveLength(1)
})

test('a socket that connects anew over the same connection has its sends answered as its own', () => {
  const { a, heard } = createTransports()
  const socketOf = (connected: boolean) => ({ connected, conn: { transport: a, readyState: 'open' } })
  const [before, after] = [socketOf(false), socketOf(true)]
  const askers: unknown[] = []
  for (const socket of [before, after]) takeSendsOf(socket as never, (asker) => askers.push(asker))
  a.onData('421["message:send",{}]')
  vi.advanceTimersByTime(25)
  expect([askers, heard]).toEqual([[after], []])
})
