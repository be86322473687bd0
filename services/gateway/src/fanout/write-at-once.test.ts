import { expect, test } from 'vitest'
import { textFrames } from './text-frames.ts'
import { type WebSocketTransport, writeAtOnce } from './write-at-once.ts'

const frame = (text: string) => textFrames([Buffer.from(text)])

/** As Engine.IO makes it, with what it was told to write. */
function createTransport(overrides: Partial<WebSocketTransport> = {}) {
  const writes: Buffer[] = []
  const stock: unknown[][] = []
  const prototype = { send: (packets: unknown[]) => void stock.push(packets) }
  const transport: WebSocketTransport = Object.assign(Object.create(prototype) as WebSocketTransport, {
    writable: true,
    perMessageDeflate: null,
    supportsBinary: true,
    socket: { readyState: 1, _socket: { write: (data: Buffer) => void writes.push(data) } },
    parser: {
      encodePacket: ({ data }: { data?: unknown }, _binary: boolean, done: (encoded: unknown) => void) =>
        done(typeof data === 'string' ? `4${data}` : data),
    },
    _onSentLast: () => {},
    ...overrides,
  })
  writeAtOnce(transport)
  return { transport, writes, stock }
}

test('all packets of a flush are one write, in order, and the next waits for it', () => {
  const { transport, writes, stock } = createTransport()
  const [header, payload] = [frame('42[2]').subarray(0, 2), frame('42[2]').subarray(2)]
  transport.send([
    { data: '2[1]' },
    { data: '2', options: { wsPreEncodedFrame: [header, payload] } },
    { data: '3[é]' },
  ])
  expect(writes).toEqual([Buffer.concat([frame('42[1]'), frame('42[2]'), frame('43[é]')])])
  expect(transport.writable).toBe(false)
  expect(stock).toEqual([])
})

test.for([
  ['is not text', {}, [{ data: 'x' }, { data: Buffer.from([1]) }]],
  ['is compressed', { perMessageDeflate: {} }, [{ data: 'x' }]],
  ['goes to a socket that closes', { socket: { readyState: 2 } }, [{ data: 'x' }]],
] as const)('what %s goes the stock way, all of it', ([_what, overrides, packets]) => {
  const { transport, writes, stock } = createTransport(overrides)
  transport.send([...packets])
  expect(writes).toEqual([])
  expect(stock).toEqual([packets])
})
