import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { expect, test, vi } from 'vitest'
import { openRpc } from './rpc-client.ts'

interface Asked {
  sends: string[]
  reply: ServerResponse
}

/** A service whose calls a test answers or breaks off, and a client of it. */
async function startPeer() {
  await using opened = new AsyncDisposableStack()
  const asked: Asked[] = []
  const server = createServer((request, reply) => {
    void text(request).then((body) => asked.push({ ...(JSON.parse(body) as Asked), reply }))
  })
  opened.defer(() => void server.close())
  opened.defer(() => server.closeAllConnections())
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  const rpc = opened.use(openRpc({ baseUrl: `http://127.0.0.1:${port}`, secret: 'x' }))
  const send = (name: string, inOrder = true) =>
    rpc.call('messages/send', { sends: [name] } as never, { inOrder }).then(
      () => 'answered',
      (cause: { code: string }) => cause.code,
    )
  const owned = opened.move()
  return { asked, send, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

const arrived = (asked: Asked[]) => asked.map(({ sends }) => sends[0])

test('calls in order arrive in order, one before the other is answered, and no third', async () => {
  await using peer = await startPeer()
  const { asked, send } = peer
  const calls = [send('a'), send('b'), send('c')]
  await vi.waitUntil(() => asked.length === 2)
  // Whoever does not ask for order waits for none of them.
  const aside = send('aside', false)
  await vi.waitUntil(() => asked.length === 3)
  expect(arrived(asked)).toEqual(['a', 'b', 'aside'])
  asked[2]?.reply.end('{}')
  await aside
  asked[0]?.reply.end('{}')
  await vi.waitUntil(() => asked.length === 4)
  asked[1]?.reply.end('{}')
  asked[3]?.reply.end('{}')
  expect(await Promise.all(calls)).toEqual(['answered', 'answered', 'answered'])
  expect(arrived(asked)).toEqual(['a', 'b', 'aside', 'c'])
})

test('of calls in order whose connection is lost the first fails, and what follows is sent again', async () => {
  await using peer = await startPeer()
  const { asked, send } = peer
  const [first, second] = [send('a'), send('b')]
  await vi.waitUntil(() => asked.length === 2)
  asked[0]?.reply.destroy()
  expect(await first).toBe('unavailable')
  await vi.waitUntil(() => asked.length === 3)
  expect(arrived(asked)).toEqual(['a', 'b', 'b'])
  asked[2]?.reply.end('{}')
  expect(await second).toBe('answered')
})
