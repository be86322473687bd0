import { expect, test } from 'vitest'
import { createTwins } from './twins.ts'

/** A node whose sockets are of one device, and what it says to others. */
function setUp() {
  const sockets: { id: string; data: { identity: object; connectedAt: number; closeCode?: number } }[] = []
  const said: string[] = []
  const twins = createTwins({
    registry: { socketsOf: () => [...sockets] },
    publisher: { spublish: async (_channel: string, notice: string) => said.push(notice) },
  } as never)
  const come = (id: string, connectedAt: number) => {
    const identity = { userId: 'ann', deviceId: 'phone', platform: 'ios' }
    const conn = { writeBuffer: [], transport: { name: 'polling' }, close: () => undefined }
    const socket = {
      id,
      data: { identity, connectedAt },
      conn,
      emit: () => true,
      disconnect: () => undefined,
    }
    sockets.push(socket)
    twins.replace(socket as never)
  }
  const left = () => sockets.filter(({ data }) => data.closeCode === undefined).map(({ id }) => id)
  return { twins, come, left, said }
}

test.for([
  [
    'the newer comes last',
    [
      ['a', 1],
      ['b', 2],
    ],
    'b',
  ],
  [
    'the newer is let in first',
    [
      ['b', 2],
      ['a', 1],
    ],
    'b',
  ],
  [
    'both came in one moment',
    [
      ['a', 1],
      ['b', 1],
    ],
    'b',
  ],
  [
    'both came in one moment, the other way round',
    [
      ['b', 1],
      ['a', 1],
    ],
    'b',
  ],
] as const)('P9 of two sockets of a device on one node one is left where %s', async ([, coming, stays]) => {
  const { come, left } = setUp()
  for (const [id, at] of coming) come(id, at)
  await new Promise(setImmediate)
  expect(left()).toEqual([stays])
})

test('P9 of two on two nodes one is left, also where a notice came before the socket that it is about', () => {
  const [here, there] = [setUp(), setUp()]
  here.come('newer', 2)
  // What was said of it is heard while the older one is on its way in.
  for (const notice of here.said.splice(0)) there.twins.hear(notice)
  there.come('older', 1)
  for (const notice of there.said.splice(0)) here.twins.hear(notice)
  for (const notice of here.said.splice(0)) there.twins.hear(notice)
  expect([here.left(), there.left()]).toEqual([['newer'], []])
})
