import type { Entry } from '@parley/shared/entry'
import { seqOfMessage } from '@parley/shared/ids'
import {
  clientEvents,
  type ClientEventName,
  type LogPage,
  type Result,
  type SyncPage,
} from '@parley/shared/protocol'
import { io, type Socket } from 'socket.io-client'

/** What a person sees of an entry. */
export interface Seen {
  seq: number
  kind: string
  senderId?: string
  text?: unknown
  recalled?: boolean
  reactions?: Record<string, string[]>
}

/**
 * A device that keeps what it hears and never asks for a message a second time: edits, recalls, reactions and
 * deletions reach what it keeps by the entries and events that tell of them, or by its next sync.
 */
export class Device implements AsyncDisposable {
  readonly #token: string
  readonly #http: string
  readonly #socket: Socket
  readonly #logs = new Map<string, Map<number, Entry>>()
  #cursor: string | undefined
  /** What is heard is worked through in order. */
  #work: Promise<unknown> = Promise.resolve()

  constructor(token: string, urls: { gateway: string; http: string }) {
    this.#token = token
    this.#http = urls.http
    this.#socket = io(urls.gateway, {
      transports: ['websocket'],
      forceNew: true,
      reconnection: false,
      autoConnect: false,
      auth: { token, protocolVersion: 1 },
    })
    this.#socket.on('connect', () => this.#then(() => this.#sync()))
    this.#socket.on('log:stale', () => this.#then(() => this.#sync()))
    this.#socket.on('entry:new', ({ entry }: { entry: Entry }) => this.#then(() => this.#hear(entry)))
    this.#socket.on('log:grown', ({ conversationId }: { conversationId: string }) =>
      this.#then(() => this.#fetch(conversationId)),
    )
    this.#socket.on('conversation:ended', ({ conversationId }: { conversationId: string }) =>
      this.#then(async () => void this.#logs.delete(conversationId)),
    )
    this.#socket.on('message:hidden', (told: { conversationId: string; messageIds: string[] }) =>
      this.#then(async () =>
        this.#hide(
          told.conversationId,
          told.messageIds.map((id) => seqOfMessage(id) ?? 0),
        ),
      ),
    )
  }

  get isOnline(): boolean {
    return this.#socket.connected
  }

  async connect(): Promise<void> {
    if (this.isOnline) return
    await new Promise<void>((resolve, reject) => {
      this.#socket.once('connect', resolve).once('connect_error', reject)
      this.#socket.connect()
    })
  }

  disconnect(): void {
    this.#socket.disconnect()
  }

  /** Asks over the socket while there is one, else, or if told to, over HTTP. */
  async ask<T>(event: ClientEventName, request: object, { overHttp = false } = {}): Promise<Result<T>> {
    if (this.isOnline && !overHttp) return this.#socket.timeout(20_000).emitWithAck(event, request)
    return this.#askHttp(event, request)
  }

  /** Says something and loses the connection before the answer. */
  sayAndBreak(event: ClientEventName, request: object): void {
    this.#socket.emit(event, request, () => undefined)
    this.#socket.io.engine?.close()
    this.#socket.disconnect()
  }

  /** What it keeps of a conversation after a seq. */
  seen(conversationId: string, floorSeq: number): Seen[] {
    const log = this.#logs.get(conversationId) ?? new Map<number, Entry>()
    // With a message that is not seen any more, its edits are forgotten.
    const isForgotten = ({ kind, content }: Entry) => {
      if (kind !== 'edit') return false
      const of = seqOfMessage(String(content['messageId'])) ?? 0
      return of <= floorSeq || log.get(of)?.kind === 'hidden'
    }
    return [...log.values()]
      .filter(({ seq }) => seq > floorSeq)
      .toSorted((a, b) => a.seq - b.seq)
      .map((entry) => toSeen(isForgotten(entry) ? { ...entry, kind: 'hidden' } : entry))
  }

  conversations(): string[] {
    return [...this.#logs.keys()].filter((id) => !id.startsWith('s-')).toSorted((a, b) => a.localeCompare(b))
  }

  async idle(): Promise<void> {
    await this.#work
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.disconnect()
    await this.#work
  }

  #then(work: () => Promise<void>): void {
    // What a lost connection leaves undone is done by the sync after it.
    this.#work = this.#work.then(work).catch(() => undefined)
  }

  #lastSeq(conversationId: string): number {
    return Math.max(0, ...(this.#logs.get(conversationId)?.keys() ?? []))
  }

  async #hear(entry: Entry): Promise<void> {
    const last = this.#lastSeq(entry.conversationId)
    if (entry.seq <= last) return
    if (entry.seq === last + 1 && (last > 0 || entry.seq === 1)) this.#apply(entry)
    else await this.#fetch(entry.conversationId)
  }

  async #fetch(conversationId: string): Promise<void> {
    for (;;) {
      const after = this.#lastSeq(conversationId)
      const page = await this.ask<LogPage>('log:read', { conversationId, after })
      if (!page.ok) return
      for (const entry of page.data.entries) this.#apply(entry)
      if (page.data.complete) return
    }
  }

  async #sync(): Promise<void> {
    const known = [...this.#logs.keys()].map((conversationId) => ({
      conversationId,
      seq: this.#lastSeq(conversationId),
    }))
    const page = await this.ask<SyncPage>('log:sync', {
      known,
      ...(this.#cursor ? { cursor: this.#cursor } : {}),
    })
    if (!page.ok) throw new Error(page.error.message)
    for (const { conversationId } of page.data.ended) this.#logs.delete(conversationId)
    for (const change of page.data.conversations) {
      // One may have nothing to show: all of it was cleared before this device first heard of it.
      if (!this.#logs.has(change.conversationId)) this.#logs.set(change.conversationId, new Map())
      if (change.complete) for (const entry of change.entries) this.#apply(entry)
      else await this.#fetch(change.conversationId)
      this.#hide(change.conversationId, change.hiddenSeqs ?? [])
    }
    this.#cursor = page.data.cursor
    if (!page.data.complete) await this.#sync()
  }

  #apply(entry: Entry): void {
    const log = this.#logs.get(entry.conversationId) ?? new Map<number, Entry>()
    this.#logs.set(entry.conversationId, log)
    if (log.has(entry.seq)) return
    log.set(entry.seq, structuredClone(entry))
    const { messageId, content, emoji, remove } = entry.content as {
      messageId?: string
      content?: Record<string, unknown>
      emoji?: string
      remove?: boolean
    }
    const message = messageId === undefined ? undefined : log.get(seqOfMessage(messageId) ?? 0)
    if (message?.kind !== 'message') return
    if (entry.kind === 'edit' && content && !message.recalledAt) message.content = content
    if (entry.kind === 'recall') {
      Object.assign(message, { content: {}, recalledAt: entry.sentAt })
      delete message.reactions
    }
    if (entry.kind === 'reaction' && emoji !== undefined && !message.recalledAt) {
      const others = (message.reactions?.[emoji] ?? []).filter((userId) => userId !== entry.senderId)
      message.reactions = { ...message.reactions, [emoji]: remove ? others : [...others, entry.senderId] }
    }
  }

  #hide(conversationId: string, seqs: number[]): void {
    const log = this.#logs.get(conversationId)
    for (const seq of seqs) {
      const entry = log?.get(seq)
      if (entry?.kind === 'message') Object.assign(entry, { kind: 'hidden', content: {} })
    }
  }

  async #askHttp<T>(event: ClientEventName, request: object): Promise<Result<T>> {
    const spec = clientEvents[event]
    if (!('http' in spec)) throw new Error(`${event} has no route`)
    const [method, route = ''] = spec.http.route.split(' ')
    const rest = new Map(Object.entries(request))
    const path = route.replaceAll(/:(\w+)/g, (_, name: string) => {
      const value = String(rest.get(name))
      rest.delete(name)
      return encodeURIComponent(value)
    })
    const inQuery = method === 'GET' || method === 'DELETE'
    const url = new URL(path, this.#http)
    if (inQuery)
      for (const [name, value] of rest)
        if (typeof value !== 'object') url.searchParams.set(name, String(value))
    return this.#request(method ?? 'GET', url, inQuery ? undefined : Object.fromEntries(rest))
  }

  /** What has a route and no event. */
  put(path: string): Promise<Result<object>> {
    return this.#request('PUT', new URL(path, this.#http), {})
  }

  delete(path: string): Promise<Result<object>> {
    return this.#request('DELETE', new URL(path, this.#http))
  }

  async #request<T>(method: string, url: URL, content?: object): Promise<Result<T>> {
    const response = await fetch(url, {
      method,
      headers: {
        authorization: `Bearer ${this.#token}`,
        // A kept connection that the server closes at this moment would leave open what became of the request.
        connection: 'close',
        ...(content ? { 'content-type': 'application/json' } : {}),
      },
      ...(content ? { body: JSON.stringify(content) } : {}),
      signal: AbortSignal.timeout(30_000),
    })
    const body = (await response.json()) as { error: never }
    return response.ok ? { ok: true, data: body as T } : { ok: false, error: body.error }
  }
}

function toSeen({ seq, kind, senderId, content, recalledAt, reactions }: Entry): Seen {
  if (kind !== 'message')
    return { seq, kind: ['hidden', 'edit', 'recall', 'reaction'].includes(kind) ? kind : 'other' }
  if (recalledAt) return { seq, kind, senderId, recalled: true }
  const kept = Object.entries(reactions ?? {})
    .filter(([, users]) => users.length > 0)
    .map(([emoji, users]) => [emoji, users.toSorted((a, b) => a.localeCompare(b))] as const)
  return {
    seq,
    kind,
    senderId,
    text: content['text'],
    ...(kept.length > 0 ? { reactions: Object.fromEntries(kept) } : {}),
  }
}
