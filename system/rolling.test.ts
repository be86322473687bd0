import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { findFreePorts, findSecondPorts } from '@parley/local/ports'
import { type ProcessName, startStack } from '@parley/local/stack'
import { createApi, type Person, signUp } from '@parley/testing/chat-api'
import { ChatClient } from '@parley/testing/chat-client'
import { expect, test as base, vi } from 'vitest'

const rounds = 3
const talkers = 8
const listeners = 40
const pauseMs = 40
const awayAtMostMs = 20_000

/** Two of everything behind one origin, as a small cluster is. */
const test = base.extend('stack', { scope: 'file' }, async ({}, { onCleanup }) => {
  const opened = new AsyncDisposableStack()
  onCleanup(() => opened.disposeAsync())
  const stateDir = await mkdtemp(path.join(tmpdir(), 'parley-rolling-'))
  opened.defer(() => rm(stateDir, { recursive: true, force: true }))
  const ports = await findFreePorts()
  const overrides = { PASSWORD_SCRYPT_COST: '10', DRAIN_MS: '1500', DRAIN_WAIT_MS: '600' }
  return opened.use(await startStack({ stateDir, ports, second: await findSecondPorts(ports), overrides }))
})

interface Absence {
  from: number
  to: number
}

/** A person behind the origin who remembers when the socket was away. */
class Participant {
  readonly client: ChatClient
  readonly absences: Absence[] = []
  readonly person: Person
  readonly transport: 'websocket' | 'polling'

  constructor(person: Person, url: string, transport: 'websocket' | 'polling') {
    this.person = person
    this.transport = transport
    this.client = new ChatClient({ url, token: () => person.token, transports: [transport] })
    let lostAt = 0
    this.client.socket.on('disconnect', () => (lostAt = Date.now()))
    this.client.socket.on('connect', () => {
      if (lostAt > 0) this.absences.push({ from: lostAt, to: Date.now() })
    })
  }

  get losses(): number {
    return this.absences.length + (this.client.socket.connected ? 0 : 1)
  }
}

/** The largest share of these moments that lies within half a second. */
function busiestShare(moments: number[]): number {
  const within = moments.map((from) => moments.filter((at) => at >= from && at < from + 500).length)
  return Math.max(0, ...within) / Math.max(1, moments.length)
}

test(
  'P11 all gateways and then all other services are replaced three times under load: nothing acknowledged is lost, no send fails, nobody is away for 20 s',
  { timeout: 400_000 },
  async ({ stack }) => {
    const api = createApi(stack.urls.app)
    await using opened = new AsyncDisposableStack()
    const join = async (name: string, i: number) => {
      const transport = i % 4 === 3 ? 'polling' : 'websocket'
      const participant = new Participant(await signUp(api, name), stack.urls.app, transport)
      opened.use(participant.client)
      await participant.client.connected()
      return participant
    }
    const talking = await Promise.all(Array.from({ length: talkers }, (_, i) => join('talker', i)))
    const idle = await Promise.all(Array.from({ length: listeners }, (_, i) => join('listener', i)))
    const everybody = [...talking, ...idle]
    const allConnected = () => everybody.every(({ client }) => client.socket.connected)
    const peerOf = (i: number) => talking[i % 2 ? i - 1 : i + 1] as Participant

    // A device that has nothing of a conversation yet may be given only its newest entries.
    for (const [i, { client }] of talking.entries()) {
      const { userId } = peerOf(i).person
      const { conversationId } = await client.send({ userId }, 'text', { text: 'first' })
      for (const known of [client, peerOf(i).client])
        await vi.waitUntil(() => known.lastSeq(conversationId) > 0)
    }

    let rolling = true
    const acked = new Map<
      string,
      { conversationId: string; seq: number; from: Participant; to: Participant }
    >()
    const talk = async (from: Participant, to: Participant) => {
      while (rolling) {
        const id = randomUUID()
        const sent = await from.client.send({ userId: to.person.userId }, 'text', { text: 'rolling' }, id)
        acked.set(id, { ...sent, from, to })
        await wait(pauseMs)
      }
    }
    const loads = Promise.all(talking.map((from, i) => talk(from, peerOf(i))))

    const replace = async (...names: ProcessName[]) =>
      void (await Promise.all(names.map((name) => stack.restart(name))))
    for (let round = 0; round < rounds; round++) {
      for (const gateway of ['gateway-1', 'gateway-2'] as const) {
        const since = Date.now()
        await replace(gateway)
        await vi.waitUntil(allConnected, { timeout: awayAtMostMs })
        const returns = everybody
          .flatMap(({ absences }) => absences.map(({ to }) => to))
          .filter((at) => at >= since)
        expect(returns.length).toBeGreaterThan(everybody.length / 4)
        expect(busiestShare(returns)).toBeLessThan(0.5)
      }
      const lossesBefore = everybody.map(({ losses }) => losses)
      await replace('messages', 'media', 'push')
      await replace('messages-2', 'media-2', 'push-2')
      expect(everybody.map(({ losses }) => losses)).toEqual(lossesBefore)
    }
    rolling = false
    // A send that found no way in the client's own patience would be thrown here.
    await loads

    const absences = everybody.flatMap((participant) => participant.absences)
    expect(Math.max(...absences.map(({ from, to }) => to - from))).toBeLessThan(awayAtMostMs)
    expect(everybody.map(({ client }) => client.socket.io.engine.transport.name)).toEqual(
      everybody.map(({ transport }) => transport),
    )
    expect(acked.size).toBeGreaterThan(talkers * rounds * 50)
    // The sender has the answer before the doorbell of the same message.
    for (const { from, to, conversationId, seq } of acked.values())
      for (const { client } of [from, to]) await vi.waitUntil(() => client.lastSeq(conversationId) >= seq)
    for (const [id, { conversationId, seq, from, to }] of acked) {
      for (const { client } of [from, to]) {
        const log = client.entries(conversationId)
        expect(log[seq - 1]?.clientMessageId).toBe(id)
        expect(log.filter(({ clientMessageId }) => clientMessageId === id)).toHaveLength(1)
      }
    }
  },
)
