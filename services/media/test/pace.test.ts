import { once } from 'node:events'
import { createServer, type IncomingMessage, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect } from 'vitest'
import { demandPace } from '../src/uploads/demand-pace.ts'
import { test as base } from './fixture.ts'

const pace = { everyMs: 50, leastBytes: 10_000 }

/** A server that demands the pace of what is put to `/read`, and leaves unread what is put to `/unread`. */
const test = base.extend('begin', async ({}, { onCleanup }) => {
  const arrived = new Map<string, IncomingMessage>()
  const server = createServer((incoming, response) => {
    demandPace(incoming, response, pace)
    arrived.set(incoming.url ?? '', incoming)
    incoming.on('error', () => {})
    if (incoming.url === '/read') incoming.resume()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onCleanup(() => server.close().closeAllConnections())
  const { port } = server.address() as AddressInfo
  return (path: '/read' | '/unread') => {
    const sending = request({ port, path, method: 'PUT' }).on('error', () => {})
    return { sending, arrived: () => arrived.get(path) }
  }
})

test('the line of a client that trickles is broken, and of one that waits for the store it is not', async ({
  begin,
}) => {
  const waiting = begin('/unread')
  waiting.sending.write(Buffer.alloc(300_000))
  await expect.poll(() => waiting.arrived()?.readableLength ?? 0).toBeGreaterThan(0)
  for (let round = 0; round < 3; round++) {
    const trickling = begin('/read')
    trickling.sending.write('hello')
    await new Promise((resolve) => trickling.sending.once('close', resolve))
  }
  expect(waiting.arrived()?.destroyed).toBe(false)
})
