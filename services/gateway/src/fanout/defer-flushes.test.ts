import { EventEmitter } from 'node:events'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { deferFlushes } from './defer-flushes.ts'

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'setImmediate'] }))
afterEach(() => void vi.useRealTimers())

/** A connection as Engine.IO has it, with what each of its writes carried. */
function createConnection(name = 'websocket') {
  const writes: string[][] = []
  class Connection {
    transport = { name }
    writeBuffer: { data: string }[] = []
    flush() {
      if (this.writeBuffer.length > 0) writes.push(this.writeBuffer.map(({ data }) => data))
      this.writeBuffer = []
    }
  }
  const engine = new EventEmitter()
  deferFlushes(engine as never)
  const conn = new Connection()
  engine.emit('connection', conn)
  const write = (data: string) => {
    conn.writeBuffer.push({ data })
    conn.flush()
  }
  return { write, writes }
}

test('all that is emitted in a turn is one write', () => {
  const { write, writes } = createConnection()
  write('2["entry:new",1]')
  write('2["entry:new",2]')
  write('31[{"ok":true}]')
  expect(writes).toEqual([])
  vi.advanceTimersByTime(0)
  expect(writes).toEqual([['2["entry:new",1]', '2["entry:new",2]', '31[{"ok":true}]']])
})

test('answers wait for the entry that follows them, and not for long where none does', () => {
  const { write, writes } = createConnection()
  write('31[{"ok":true}]')
  write('32[{"ok":true}]')
  vi.advanceTimersByTime(2)
  expect(writes).toEqual([])
  write('2["entry:new",1]')
  vi.advanceTimersByTime(0)
  expect(writes.splice(0)).toEqual([['31[{"ok":true}]', '32[{"ok":true}]', '2["entry:new",1]']])

  vi.advanceTimersByTime(10)
  write('33[{"ok":true}]')
  vi.advanceTimersByTime(3)
  expect(writes.splice(0)).toEqual([['33[{"ok":true}]']])
  write('2["entry:new",2]')
  vi.advanceTimersByTime(0)
  expect(writes).toEqual([['2["entry:new",2]']])
})

test('polling is answered at once', () => {
  const { write, writes } = createConnection('polling')
  write('31[{"ok":true}]')
  expect(writes).toEqual([['31[{"ok":true}]']])
})
