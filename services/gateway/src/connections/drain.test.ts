import { closeCodes } from '@parley/shared/protocol'
import { expect, test } from 'vitest'
import { drain, windowFor } from './drain.ts'

test.for([
  ['few sockets come back within five seconds', 300, 0, 4_500],
  ['many that are closed over a while do too', 5_000, 10_000, 4_500],
  ['many that are closed at once are spread', 5_000, 0, 10_000],
  ['nobody is away for longer than the promise allows', 50_000, 0, 15_000],
] as const)('P11 %s', ([, sockets, drainMs, expected]) => {
  expect(windowFor(sockets, drainMs)).toBe(expected)
})

/** A registry that a socket leaves when it is closed. */
function createRegistry() {
  const sockets = new Set<object>()
  const said: unknown[] = []
  function add(name: string, onClose = () => {}): void {
    const raw = {
      close(code: number) {
        said.push([name, code])
        sockets.delete(socket)
        onClose()
      },
    }
    const socket = {
      connected: true,
      data: { identity: { sessionId: name }, inFlight: 0 },
      emit: (event: string) => void said.push([name, event]),
      conn: { writeBuffer: [], transport: { name: 'websocket', socket: raw } },
    }
    sockets.add(socket)
  }
  const registry = {
    sockets: () => sockets.values(),
    get connections() {
      return sockets.size
    },
  }
  return { add, said, registry }
}

test('P11 who comes in while a node drains is told and sent elsewhere too, once', async () => {
  const { add, said, registry } = createRegistry()
  add('first', () => add('late'))
  const tickets = { issue: () => 'ticket' }
  await drain(registry as never, { drainMs: 0, tickets: tickets as never })
  const ending = (name: string) => [
    [name, 'session:draining'],
    [name, 'session:closing'],
    [name, closeCodes.draining],
  ]
  expect(said).toEqual([...ending('first'), ...ending('late')])
})
