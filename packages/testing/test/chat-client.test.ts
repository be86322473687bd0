import type { Entry } from '@parley/shared/entry'
import { Server } from 'socket.io'
import { expect, test, vi } from 'vitest'
import { ChatClient } from '../src/chat-client.ts'

const conversationId = 'a conversation'
const entriesTo = (last: number) =>
  Array.from({ length: last }, (_, i) => ({ conversationId, seq: i + 1 }) as Entry)

test('what is heard while a page is under way is fetched after it', async () => {
  await using opened = new AsyncDisposableStack()
  const server = opened.adopt(new Server(0), (it) => it.close())
  const port = (server.httpServer.address() as { port: number }).port
  const asked: number[] = []
  let last = 3
  server.on('connection', (socket) => {
    const ring = (seq: number) => socket.emit('entry:new', { entry: { conversationId, seq } })
    socket.on('log:sync', (_request, answer: (page: object) => void) => {
      answer({ ok: true, data: { conversations: [], cursor: 'a', complete: true } })
      ring(last)
    })
    socket.on('log:read', ({ after }: { after: number }, answer: (page: object) => void) => {
      asked.push(after)
      const page = { ok: true, data: { entries: entriesTo(last).slice(after), complete: true } }
      // Stored and rung after the page was read, and there before it.
      if (asked.length === 1) ring(++last)
      answer(page)
    })
  })
  const client = opened.use(new ChatClient({ url: `http://127.0.0.1:${port}`, token: () => 'a token' }))
  await vi.waitUntil(() => client.lastSeq(conversationId) === 4)
  expect(asked).toEqual([0, 3])
})
