import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import { connect as connectTls, createServer, type TLSSocket } from 'node:tls'
import { createCertificate } from '@parley/testing/certificates'
import { describe, expect, onTestFinished, test } from 'vitest'
import { openConnection } from '../src/http2/connection.ts'
import { createFrameReader, frame, frameType, numberFrame, settingsFrame } from '../src/http2/frames.ts'
import { createHeaderDecoder } from '../src/http2/hpack/decoder.ts'
import type { StreamEnd } from '../src/http2/stream.ts'

const headersFrame = (payload: string, flags = 0x5, streamId = 1) =>
  frame({ type: frameType.headers, flags, streamId }, Buffer.from(payload, 'hex'))
const ok = '88'
const data = (text: string, flags = 0) =>
  frame({ type: frameType.data, flags, streamId: 1 }, Buffer.from(text))
const post = { method: 'POST', path: '/3/device/ab', headers: { 'apns-id': 'one' }, body: 'hello' }

interface Seen {
  type: number
  flags: number
  streamId: number
  payload: Buffer
}

async function listen(protocols: string[]) {
  const { key, cert, ca } = await createCertificate()
  const server = createServer({ key, cert, ALPNProtocols: protocols }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return { server, ca, host: '127.0.0.1', port: (server.address() as AddressInfo).port }
}

/** A connection to a peer whose every frame the test writes, and what the peer has seen. */
async function connect() {
  const { server, ...address } = await listen(['h2'])
  const seen: Seen[] = []
  const arrived = new EventTarget()
  const accepted = once(server, 'secureConnection') as Promise<[TLSSocket]>
  const settled = Promise.withResolvers<void>()
  const closed = Promise.withResolvers<Error | undefined>()
  const goodbyes: string[] = []
  const socket = connectTls({ ...address, ALPNProtocols: ['h2'] })
  const connection = openConnection(socket, {
    authority: 'provider',
    settings: settled.resolve,
    goneAway: (code, text) => goodbyes.push(`${code} ${text}`),
    closed: closed.resolve,
  })
  const [peer] = await accepted
  onTestFinished(() => void peer.destroy())
  let preface = Buffer.alloc(0)
  const read = createFrameReader((it) => {
    seen.push({ ...it, payload: Buffer.from(it.payload) })
    arrived.dispatchEvent(new Event('frame'))
  })
  peer.on('error', () => {})
  peer.on('data', (chunk: Buffer) => {
    if (preface.length >= 24) return read(chunk)
    preface = Buffer.concat([preface, chunk])
    if (preface.length >= 24) read(preface.subarray(24))
  })
  return {
    peer,
    socket,
    connection,
    seen,
    goodbyes,
    settled: settled.promise,
    closed: closed.promise,
    send: () => new Promise<StreamEnd>((resolve) => void connection.request(post, resolve)),
    /** Resolves once the peer has seen as much. */
    until: async (enough: () => boolean) => {
      while (!enough())
        await new Promise((resolve) => arrived.addEventListener('frame', resolve, { once: true }))
    },
  }
}

describe('a connection to a provider', () => {
  test('answers with the final headers and all pieces of the body, past padding, interim answers and trailers', async () => {
    const { peer, send } = await connect()
    const answered = send()
    peer.write(settingsFrame([]))
    // 103, then padded HEADERS with a priority and two pieces, DATA with padding, trailers.
    peer.write(headersFrame(`48 03 313033`.replaceAll(' ', ''), 0x4))
    peer.write(headersFrame(`02 80000000 10 88 0000`.replaceAll(' ', ''), 0x28))
    peer.write(
      frame({ type: frameType.continuation, flags: 0x4, streamId: 1 }, Buffer.from('4001610162', 'hex')),
    )
    peer.write(frame({ type: frameType.data, flags: 0x8, streamId: 1 }, Buffer.from('\x03who\0\0\0')))
    peer.write(data('le'))
    peer.write(headersFrame('4001780179', 0x5))
    expect(await answered).toEqual({
      kind: 'answered',
      status: 200,
      headers: { ':status': 200, a: 'b' },
      body: 'whole',
    })
  })

  test('reads frames however they are cut', async () => {
    const { peer, send } = await connect()
    const answered = send()
    for (const octet of Buffer.concat([settingsFrame([]), headersFrame(ok, 0x4), data('whole', 1)]))
      peer.write(Buffer.of(octet))
    expect(await answered).toMatchObject({ status: 200, body: 'whole' })
  })

  test('sends no more of a body than the peer makes room for', async () => {
    const { peer, connection, seen, settled, until } = await connect()
    peer.write(settingsFrame([[4, 2]]))
    await settled
    const done = Promise.withResolvers<StreamEnd>()
    connection.request(post, done.resolve)
    const sent = () =>
      seen.filter(({ type }) => type === frameType.data).map(({ payload }) => payload.toString())
    await until(() => sent().length > 0)
    expect(sent()).toEqual(['he'])
    peer.write(numberFrame({ type: frameType.windowUpdate, streamId: 1 }, 1))
    await until(() => sent().length > 1)
    peer.write(settingsFrame([[4, 9]]))
    await until(() => sent().length > 2)
    expect(sent()).toEqual(['he', 'l', 'lo'])
    peer.write(headersFrame(ok))
    expect(await done.promise).toMatchObject({ status: 200 })
  })

  test('stops a body the peer has answered before it was whole', async () => {
    const { peer, connection, seen, settled, until } = await connect()
    peer.write(settingsFrame([[4, 2]]))
    await settled
    const done = Promise.withResolvers<StreamEnd>()
    connection.request(post, done.resolve)
    await until(() => seen.some(({ type }) => type === frameType.data))
    peer.write(headersFrame('4803343133'))
    expect(await done.promise).toMatchObject({ status: 413 })
    await until(() => seen.some(({ type }) => type === frameType.rstStream))
  })

  test('keeps to the table the peer allows', async () => {
    const { peer, seen, settled, send, until } = await connect()
    peer.write(settingsFrame([[1, 0]]))
    await settled
    void send()
    void send()
    await until(() => seen.filter(({ type }) => type === frameType.headers).length === 2)
    const decode = createHeaderDecoder()
    const [first, second] = seen.filter(({ type }) => type === frameType.headers)
    expect(first?.payload[0]).toBe(0x20)
    const fields = [first, second].map((it) => decode(it?.payload ?? Buffer.alloc(0)))
    expect(fields[0]).toEqual(fields[1])
    expect(fields[0]).toContainEqual([':authority', 'provider'])
  })

  test('cuts an answer that goes on beyond its bound, which its window has room for, and keeps room for others', async () => {
    const { peer, seen, send, until } = await connect()
    const answered = send()
    peer.write(settingsFrame([]))
    peer.write(headersFrame(ok, 0x4))
    // All that a peer which keeps to the window of a stream may say.
    for (const bytes of [16_384, 16_384, 16_384, 16_383]) peer.write(data('x'.repeat(bytes)))
    expect(await answered).toMatchObject({ status: 200, body: 'x'.repeat(32_768) })
    await until(() => seen.some(({ type }) => type === frameType.rstStream))
    const room = () =>
      seen.flatMap((it) => (it.type === frameType.windowUpdate ? [it.payload.readUInt32BE()] : []))
    await until(() => room().reduce((sum, it) => sum + it, 0) >= 32_768)
  })

  test('lets those finish whose answer was promised, says goodbye and ends', async () => {
    const { peer, connection, seen, goodbyes, closed, send, until } = await connect()
    const [promised, disowned] = [send(), send()]
    peer.write(settingsFrame([]))
    peer.write(frame({ type: frameType.goaway }, Buffer.from(`00000001000000027265737461727421`, 'hex')))
    expect(await disowned).toEqual({ kind: 'unprocessed' })
    expect(connection.isOpen).toBe(false)
    expect(goodbyes).toEqual(['2 restart!'])
    peer.write(headersFrame(ok))
    expect(await promised).toMatchObject({ status: 200 })
    expect(await closed).toBeUndefined()
    await until(() => seen.some(({ type }) => type === frameType.goaway))
  })

  test('says nothing more after its goodbye, whatever it is asked', async () => {
    const { peer, socket, connection, seen, settled, closed, until } = await connect()
    peer.write(settingsFrame([]))
    await settled
    peer.allowHalfOpen = true
    connection.close()
    await until(() => seen.some(({ type }) => type === frameType.goaway))
    const heard = once(socket, 'data')
    peer.write(frame({ type: frameType.ping }, Buffer.alloc(8)))
    await heard
    // In which it would be answered.
    await turn()
    await turn()
    peer.end()
    expect(await closed).toBeUndefined()
  })

  test('answers pings and hears its own answered', async () => {
    const { peer, connection, seen, until } = await connect()
    peer.write(settingsFrame([]))
    peer.write(frame({ type: frameType.ping }, Buffer.from('12345678')))
    await until(() => seen.some(({ type, flags }) => type === frameType.ping && flags === 1))
    const answered = new Promise<void>((resolve) => connection.ping(resolve))
    await until(() => seen.some(({ type, flags }) => type === frameType.ping && flags === 0))
    peer.write(frame({ type: frameType.ping, flags: 1 }, Buffer.alloc(8)))
    await answered
    connection.destroy(new Error('enough'))
    connection.ping(() => expect.unreachable())
  })

  test('P10 to a peer that asks without end and never listens is cut, not answered from memory', async () => {
    const { peer, closed } = await connect()
    peer.write(settingsFrame([]))
    peer.pause()
    const ping = frame({ type: frameType.ping }, Buffer.alloc(8))
    const pings = Buffer.concat(Array.from({ length: 20_000 }, () => ping))
    const flooding = setInterval(() => peer.writableLength < 4 * pings.length && peer.write(pings), 1)
    onTestFinished(() => clearInterval(flooding))
    expect((await closed)?.message).toBe('the peer asks and does not listen')
  })

  test.for<[string, Buffer]>([
    ['a frame too large', frame({ type: frameType.data, streamId: 1 }, Buffer.alloc(16_385))],
    ['a header block that is interrupted', Buffer.concat([headersFrame(ok, 0), data('x')])],
    [
      'the rest of a header block without its beginning',
      frame({ type: 9, flags: 4, streamId: 1 }, Buffer.of(0x88)),
    ],
    ['header fields that cannot be read', headersFrame('be')],
    ['a header block without an end', Buffer.concat([headersFrame(ok, 0), ...endless(5, 16_384)])],
    ['a header block of nothing without an end', Buffer.concat([headersFrame(ok, 0), ...endless(20_000, 0)])],
    [
      'a push nobody asked for',
      frame({ type: frameType.pushPromise, flags: 4, streamId: 1 }, Buffer.alloc(8)),
    ],
    ['more padding than frame', frame({ type: frameType.data, flags: 8, streamId: 1 }, Buffer.of(9, 1))],
    ['a window beyond all bounds', numberFrame({ type: frameType.windowUpdate }, 2 ** 31 - 1)],
    ['settings beyond all bounds', settingsFrame([[4, 2 ** 31]])],
    ['a reset without its reason', frame({ type: frameType.rstStream, streamId: 1 }, Buffer.of(1))],
  ])('is over with %s, and what was on its way is unknown', async ([, bytes]) => {
    const { peer, send, closed } = await connect()
    const sent = send()
    peer.write(Buffer.concat([settingsFrame([]), bytes]))
    expect(await sent).toEqual({ kind: 'unknown', reason: 'disconnected' })
    expect(await closed).toBeInstanceOf(Error)
  })

  test('to a peer that takes part without agreeing on HTTP/2 is of no use', async () => {
    const { server: _, ...address } = await listen(['http/1.1'])
    const ALPNProtocols = ['h2', 'http/1.1']
    const closed = Promise.withResolvers<Error | undefined>()
    openConnection(connectTls({ ...address, ALPNProtocols }), {
      authority: 'provider',
      settings: () => {},
      goneAway: () => {},
      closed: closed.resolve,
    })
    expect((await closed.promise)?.message).toBe('the peer does not speak HTTP/2')
  })
})

function endless(pieces: number, bytes: number): Buffer[] {
  return Array.from({ length: pieces }, () =>
    frame({ type: frameType.continuation, streamId: 1 }, Buffer.alloc(bytes)),
  )
}
