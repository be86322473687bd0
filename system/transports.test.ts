import { execFile } from 'node:child_process'
import { randomUUID as uuid } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import type { Entry } from '@parley/shared/entry'
import type { SyncPage } from '@parley/shared/protocol'
import { createApi, type Person, signUp } from '@parley/testing/chat-api'
import { openEvents } from '@parley/testing/event-reader'
import { expect, vi } from 'vitest'
import { test } from './fixture.ts'

/** What a device makes of the pages it gets, by conversation and number: the same for every way they come. */
class Reader {
  readonly logs = new Map<string, Map<number, Entry>>()
  readonly unread = new Map<string, number>()
  readonly #read: (path: string) => Promise<{ entries: Entry[]; complete: boolean }>

  constructor(read: (path: string) => Promise<{ entries: Entry[]; complete: boolean }>) {
    this.#read = read
  }

  async take({ conversations }: SyncPage): Promise<void> {
    for (const { conversationId, entries, unread, summary } of conversations) {
      this.unread.set(conversationId, unread)
      for (const entry of entries) this.#put(entry)
      await this.#fill(conversationId, summary.lastSeq)
    }
  }

  /** Every client fetches what a jump in `seq` leaves out. */
  async #fill(conversationId: string, lastSeq: number): Promise<void> {
    const log = this.logs.get(conversationId) ?? new Map<number, Entry>()
    const missing = Array.from({ length: lastSeq }, (_, i) => i + 1).find((seq) => !log.has(seq))
    if (missing === undefined) return
    const query = `/v1/conversations/${conversationId}/entries?limit=200&after=${missing - 1}`
    for (const entry of (await this.#read(query)).entries) this.#put(entry)
  }

  #put(entry: Entry): void {
    const log = this.logs.get(entry.conversationId) ?? new Map<number, Entry>()
    this.logs.set(entry.conversationId, log.set(entry.seq, entry))
  }

  /** Entries of every conversation, in order, as the device has them; changes of a message are entries of their own. */
  story() {
    return Object.fromEntries(
      [...this.logs].map(([conversationId, log]) => [
        conversationId,
        {
          unread: this.unread.get(conversationId),
          entries: [...log.values()]
            .toSorted((a, b) => a.seq - b.seq)
            .map(({ seq, kind, senderId, type, clientMessageId, content }) =>
              // What a later change takes out of an entry depends on when the entry was read.
              kind === 'message' || kind === 'edit'
                ? { seq, kind, senderId, type, clientMessageId, of: content['messageId'] }
                : { seq, kind, senderId, type, content },
            ),
        },
      ]),
    )
  }
}

test('P4 the same random history comes entry by entry through a socket, short polls, held polls and event streams of two gateways', async ({
  api,
  stack,
  connect,
}) => {
  const [ann, ben, cat] = [await signUp(api, 'ann'), await signUp(api, 'ben'), await signUp(api, 'cat')]
  const [g1, g2] = stack.urls.gateways
  const read = async (path: string) => (await api.get(path, ben.token)).body as never
  const viaSocket = new Reader(read)
  const socket = await connect(ben, g1)
  const short = follow(g1, ben, new Reader(read), 0)
  const held = follow(g2, ben, new Reader(read), 2)
  const streams = [g1, g2, stack.urls.app].map((url) => stream(url, ben, new Reader(read)))

  await play(api, [ann, ben, cat], 60)

  const { cursor } = (await api.get('/v1/sync?limit=200', ben.token)).body as unknown as SyncPage
  expect(cursor).toBeDefined()
  const whole = await socket.ask<SyncPage>('log:sync', { limit: 200 })
  if (!whole.ok) throw new Error(whole.error.code)
  await viaSocket.take(whole.data)
  const expected = viaSocket.story()
  expect(Object.keys(expected).length).toBeGreaterThanOrEqual(3)
  const kinds = new Set(Object.values(expected).flatMap(({ entries }) => entries.map(({ kind }) => kind)))
  expect(kinds).toEqual(expect.objectContaining({}))
  for (const kind of ['message', 'edit', 'recall', 'reaction']) expect(kinds).toContain(kind)

  for (const { reader, end } of [short, held, ...streams]) {
    await vi.waitFor(() => expect(reader.story()).toEqual(expected), { interval: 100 })
    await end()
  }
})

test('the lines of docs/sync.md do what it says, typed as they are written', async ({ stack }) => {
  const page = await readFile(path.join(import.meta.dirname, '../docs/sync.md'), 'utf8')
  const lines = [...page.matchAll(/```sh\n(.*?)```/gs)].map(([, block = '']) => block).join('')
  expect(lines).toContain('origin=http://localhost:8080')
  const here = lines
    .replace('origin=http://localhost:8080', `origin=${stack.urls.app}`)
    // A stream has no end of its own.
    .replaceAll('curl -N', 'curl -sN --max-time 2')
  const { stdout } = await promisify(execFile)('bash', ['-c', `${here}\ntrue`], { timeout: 60_000 })
  expect(stdout).toContain('while you wait')
  expect(stdout.match(/^event: sync$/gm)).toHaveLength(2)
  expect(stdout).not.toContain('"error"')
})

/** Random sends, edits, recalls and reactions in a group and between two people, some of them of the reader. */
async function play(api: ReturnType<typeof createApi>, people: Person[], steps: number): Promise<void> {
  const [ann, ben] = people
  if (!ann || !ben) throw new Error('needs two')
  const { body } = await api.post(
    '/v1/conversations',
    { name: 'Team', userIds: people.map(({ userId }) => userId) },
    ann.token,
  )
  const { conversationId } = (body as unknown as { summary: { conversationId: string } }).summary
  const sent: { person: Person; conversationId: string; messageId: string }[] = []
  const pick = <T>(from: readonly T[]): T => from[Math.floor(Math.random() * from.length)] as T
  const send = async () => {
    const person = pick(people)
    const peer = person === ben ? ann : ben
    const to = pick([{ conversationId }, { userId: peer.userId }])
    const { status, body: reply } = await api.post(
      '/v1/messages',
      { clientMessageId: uuid(), to, type: 'text', content: { text: uuid() } },
      person.token,
    )
    expect(status).toBe(201)
    sent.push({ person, ...(reply as unknown as { conversationId: string; messageId: string }) })
  }
  const change = async (kind: 'edit' | 'recall' | 'react') => {
    const { person, conversationId: where, messageId } = pick(sent)
    const path = `/v1/conversations/${where}/messages/${messageId}`
    // What was recalled cannot be edited; a refusal is part of the history.
    if (kind === 'edit') await api.patch(path, { content: { text: uuid() } }, person.token)
    if (kind === 'recall') await api.delete(path, person.token)
    if (kind === 'react') await api.put(`${path}/reactions`, { emoji: pick(['👍', '🎉']) }, person.token)
  }
  const script = [...(['edit', 'recall', 'react'] as const)]
  for (let i = 0; i < steps; i++) await (i < 8 || Math.random() < 0.6 ? send() : change(pick(script)))
  for (const kind of ['react', 'edit', 'recall'] as const) {
    await send()
    const last = sent.at(-1)
    if (last) sent.splice(0, sent.length, last)
    await change(kind)
  }
}

/** A device that polls, held or not, until it is told to end. */
function follow(url: string, person: Person, reader: Reader, waitSeconds: number) {
  let over = false
  const api = createApi(url)
  const running = (async () => {
    let cursor = ''
    while (!over) {
      const query = `/v1/sync?limit=2&wait=${waitSeconds}${cursor ? `&cursor=${cursor}` : ''}`
      const { status, body } = await api.get(query, person.token)
      expect(status).toBe(200)
      const page = body as unknown as SyncPage
      await reader.take(page)
      cursor = page.cursor
      if (waitSeconds === 0) await new Promise((resolve) => setTimeout(resolve, 100))
    }
  })()
  return { reader, end: () => ((over = true), running) }
}

/** A device that streams, and whose connection breaks after every few events. */
function stream(url: string, person: Person, reader: Reader) {
  let over = false
  const running = (async () => {
    let lastId: string | undefined
    while (!over) {
      using events = await openEvents(`${url}/v1/events`, {
        authorization: `Bearer ${person.token}`,
        ...(lastId === undefined ? {} : { 'last-event-id': lastId }),
      })
      expect(events.status).toBe(200)
      const breakAfter = 1 + Math.floor(Math.random() * 5)
      for (let taken = 0; taken < breakAfter && !over; taken++) {
        await vi.waitUntil(() => over || events.named('sync').length > taken)
        const next = events.named('sync')[taken]
        if (!next) break
        await reader.take(next.data as never)
        lastId = next.id
      }
    }
  })()
  return { reader, end: () => ((over = true), running) }
}
