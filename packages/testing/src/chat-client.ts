import { randomUUID } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import type { Entry } from '@parley/shared/entry'
import type { LogPage, Result, SyncPage } from '@parley/shared/protocol'
import { io, type Socket } from 'socket.io-client'

export type Target = { userId: string } | { conversationId: string }

interface ChatClientOptions {
  url: string
  /** Asked before each connection, so that a client that comes back has a fresh one. */
  token: () => string | Promise<string>
  transports?: ('websocket' | 'polling')[]
  /** What the device kept from an earlier run: it goes on from there. */
  resume?: ChatClient
}

interface Draining {
  reconnectAfterMs: number
  returnTicket?: string
}

export interface SentMessage {
  messageId: string
  conversationId: string
  seq: number
  sentAt: string
}

const acknowledgeAfterMs = 200
const usualReturn = { reconnectionDelay: 100, reconnectionDelayMax: 1_000, randomizationFactor: 0.5 }
/** A flood against a rate limit waits its turn; nothing waits for ever. */
const giveUpAfterMs = 60_000

/**
 * A client as apps should be: it keeps an outbox and sends again under the same id until it has the answer, takes
 * doorbells as hints, fetches what a jump in `seq` leaves out, syncs whenever it connects, and acknowledges what
 * it has. Its logs are what a person would see.
 */
export class ChatClient implements AsyncDisposable {
  readonly socket: Socket
  /** By conversation, in order, without holes from the first entry known. */
  readonly logs: Map<string, Entry[]>
  readonly events: { name: string; payload: unknown }[] = []
  #cursor: string | undefined
  #unacknowledged = new Set<string>()
  #mending = new Map<string, Promise<void>>()
  #mendAgain = new Set<string>()
  #syncedAs: string | undefined
  #returnTicket: string | undefined
  #ended = false

  constructor({ url, token, transports = ['websocket'], resume }: ChatClientOptions) {
    this.logs = new Map(resume ? [...resume.logs].map(([id, entries]) => [id, [...entries]]) : [])
    this.#cursor = resume ? resume.#cursor : undefined
    this.socket = io(url, {
      transports,
      forceNew: true,
      ...usualReturn,
      auth: (give) =>
        void Promise.resolve(token()).then((value) =>
          give({
            token: value,
            platform: 'ios',
            protocolVersion: 1,
            ...(this.#returnTicket ? { returnTicket: this.#returnTicket } : {}),
          }),
        ),
    })
    this.socket.on('connect', () => {
      this.#returnTicket = undefined
      this.#unattended(this.#syncAfterConnect())
    })
    // Everybody on a node that goes away has a moment of their own to come back at.
    this.socket.on('session:draining', ({ reconnectAfterMs, returnTicket }: Draining) => {
      this.#returnTicket = returnTicket
      this.#returnAfter(reconnectAfterMs)
    })
    this.socket.on('entry:new', ({ entry }: { entry: Entry }) => this.#hear(entry))
    this.socket.on('log:stale', () => this.#unattended(this.#retry(() => this.sync())))
    this.socket.onAny((name: string, payload: unknown) => void this.events.push({ name, payload }))
    // Socket.IO comes back by itself after most closes, not after one it was told of by a refused handshake.
    this.socket.on('connect_error', (err: Error & { data?: { retryAfterMs?: number } }) => {
      if (this.socket.active || this.#ended) return
      setTimeout(() => this.socket.connect(), err.data?.retryAfterMs ?? 300).unref()
    })
  }

  /** Whether it has everything the server had for it when this connection began. */
  get synced(): boolean {
    return this.socket.connected && this.#syncedAs === this.socket.id
  }

  async connected(): Promise<this> {
    while (!this.socket.connected) await wait(20)
    return this
  }

  /** Asks once. A refusal is returned; no answer in time is thrown. */
  ask<T>(event: string, payload: unknown, timeoutMs = 30_000): Promise<Result<T>> {
    return this.socket.timeout(timeoutMs).emitWithAck(event, payload) as Promise<Result<T>>
  }

  /** Sends until it is acknowledged, always under the same id; a refusal that no repetition mends is thrown. */
  async send(
    to: Target,
    type: string,
    content: object,
    clientMessageId: string = randomUUID(),
  ): Promise<SentMessage> {
    return this.#retry(() =>
      this.ask<SentMessage>('message:send', { clientMessageId, to, type, content }, 5_000),
    )
  }

  /** Entries of a conversation as this client has them. */
  entries(conversationId: string): Entry[] {
    return this.logs.get(conversationId) ?? []
  }

  lastSeq(conversationId: string): number {
    return this.entries(conversationId).at(-1)?.seq ?? 0
  }

  /** Brings every log up to date, page by page. */
  async sync(): Promise<Result<object>> {
    for (;;) {
      const known = [...this.logs.keys()]
        .slice(0, 1_000)
        .map((conversationId) => ({ conversationId, seq: this.lastSeq(conversationId) }))
      const result = await this.ask<SyncPage>('log:sync', {
        ...(this.#cursor ? { cursor: this.#cursor } : {}),
        known,
      })
      if (!result.ok) return result
      for (const change of result.data.conversations) {
        for (const entry of change.entries) this.#apply(entry)
        if (this.lastSeq(change.conversationId) < change.summary.lastSeq)
          await this.#mend(change.conversationId)
      }
      this.#cursor = result.data.cursor
      if (result.data.complete) return { ok: true, data: {} }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended = true
    this.socket.disconnect()
  }

  /** The next try comes after this time, those after it as usual. */
  #returnAfter(delayMs: number): void {
    const { io: manager } = this.socket
    manager.reconnectionDelay(delayMs).reconnectionDelayMax(delayMs).randomizationFactor(0)
    manager.once('reconnect_attempt', () =>
      manager
        .reconnectionDelay(usualReturn.reconnectionDelay)
        .reconnectionDelayMax(usualReturn.reconnectionDelayMax)
        .randomizationFactor(usualReturn.randomizationFactor),
    )
  }

  async #syncAfterConnect(): Promise<void> {
    const { id } = this.socket
    await this.#retry(() => this.sync())
    this.#syncedAs = id
  }

  #hear(entry: Entry): void {
    const next = this.lastSeq(entry.conversationId) + 1
    if (entry.seq === next || (next === 1 && !this.logs.has(entry.conversationId))) {
      if (entry.seq === 1 || this.logs.has(entry.conversationId)) return this.#apply(entry)
    }
    if (entry.seq >= next) this.#unattended(this.#mend(entry.conversationId))
  }

  #apply(entry: Entry): void {
    const log = this.logs.get(entry.conversationId) ?? []
    this.logs.set(entry.conversationId, log)
    const last = log.at(-1)?.seq
    if (last !== undefined && entry.seq !== last + 1) return
    log.push(entry)
    this.#acknowledgeSoon(entry.conversationId)
  }

  /** One mark for all that came within a moment: acknowledging each entry of a flood would be a flood too. */
  #acknowledgeSoon(conversationId: string): void {
    if (this.#unacknowledged.has(conversationId)) return
    this.#unacknowledged.add(conversationId)
    setTimeout(() => {
      this.#unacknowledged.delete(conversationId)
      if (!this.socket.connected) return
      this.socket.emit(
        'receipt:deliver',
        { conversationId, seq: this.lastSeq(conversationId) },
        () => undefined,
      )
    }, acknowledgeAfterMs).unref()
  }

  /** Work nobody waits for. What a client that has ended leaves unfinished is no failure; anything else is one. */
  #unattended(work: Promise<unknown>): void {
    work.catch((cause: unknown) => {
      if (!this.#ended) throw cause
    })
  }

  /** Fetches what lies between what it has and the end of the log; one fetch at a time for each conversation. */
  #mend(conversationId: string): Promise<void> {
    const running = this.#mending.get(conversationId)
    if (running) {
      // What was heard just now may have been stored after the page that is under way was read.
      this.#mendAgain.add(conversationId)
      return running
    }
    const mending = this.#fetchOn(conversationId).finally(() => this.#mending.delete(conversationId))
    this.#mending.set(conversationId, mending)
    return mending
  }

  async #fetchOn(conversationId: string): Promise<void> {
    for (;;) {
      this.#mendAgain.delete(conversationId)
      const page = await this.#retry(() =>
        this.ask<LogPage>('log:read', { conversationId, after: this.lastSeq(conversationId), limit: 200 }),
      )
      for (const entry of page.entries) this.#apply(entry)
      if ((page.complete && !this.#mendAgain.has(conversationId)) || this.#ended) return
    }
  }

  async #retry<T>(ask: () => Promise<Result<T>>): Promise<T> {
    const deadline = Date.now() + giveUpAfterMs
    for (;;) {
      const result = await ask().catch(() => undefined)
      if (result?.ok) return result.data
      if (result && !result.error.retryable) throw new Error(`${result.error.code}: ${result.error.message}`)
      if (this.#ended || Date.now() > deadline) throw new Error('gave up')
      await wait(result?.ok === false ? (result.error.retryAfterMs ?? 200) : 50 + Math.random() * 100)
    }
  }
}
