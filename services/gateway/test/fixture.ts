import { randomUUID as uuid } from 'node:crypto'
import { AppError } from '@parley/shared/errors'
import type { ConversationId, SessionId, UserId } from '@parley/shared/ids'
import { createAnnouncer } from '@parley/shared/realtime'
import { type MarkCall, type SendCall, toBatchReply } from '@parley/shared/rpc'
import { startInternalPeer, type RpcHandlers } from '@parley/testing/internal-peer'
import { startPrivateRedis } from '@parley/testing/redis'
import { startTokenIssuer, type TokenIssuer } from '@parley/testing/token-issuer'
import { Redis } from 'ioredis'
import { io, type Socket } from 'socket.io-client'
import { test as base, vi } from 'vitest'
import { loadConfig } from '../src/config.ts'
import type { Overrides } from '../src/context.ts'
import { startGateway } from '../src/service.ts'

export const secret = 'a secret between services'
export const goodOrigin = 'https://chat.example'

/** What stands where messages stands: it remembers what it was asked, and a test may change its answers. */
export function createMessagesDouble() {
  const seen = {
    sends: [] as SendCall[],
    marks: [] as MarkCall[],
    opened: 0,
    typing: 0,
    asked: [] as string[],
    /** How many devices each batch was about. */
    returned: [] as number[],
    left: [] as { userId: string; at: string }[],
  }
  const groups = new Map<string, ConversationId[]>()
  /** How far the logs of groups go, and who is in them. */
  const logs = new Map<string, { lastSeq: number; userIds: UserId[] }>()
  const ended = new Set<SessionId>()
  /** Whom nobody sees. */
  const hidden = new Set<string>()
  const handlers: RpcHandlers = {
    'messages/send': ({ sends }) => {
      seen.sends.push(...sends)
      return toBatchReply(
        sends.map(({ draft }, i) =>
          'conversationId' in draft.to && draft.to.conversationId === 'not-mine'
            ? new AppError('forbidden', 'you are not a member of this conversation')
            : {
                messageId: `c.${i}`,
                conversationId: 'c',
                seq: seen.sends.length,
                sentAt: new Date().toISOString(),
              },
        ),
      )
    },
    'receipts/mark': ({ marks }) => {
      seen.marks.push(...marks)
      return toBatchReply(marks.map(({ seq }) => ({ seq })))
    },
    'sessions/open': ({ sessions }) => {
      seen.opened += sessions.length
      return toBatchReply(
        sessions.map(({ userId, sessionId }) =>
          ended.has(sessionId)
            ? new AppError('unauthenticated', 'this session has ended')
            : { conversationIds: groups.get(userId) ?? [] },
        ),
      )
    },
    'groups/standing': ({ asks }) =>
      toBatchReply(
        asks.map(({ conversationId, userIds }) => {
          const log = logs.get(conversationId)
          return {
            lastSeq: log?.lastSeq ?? 0,
            memberIds: userIds.filter((userId) => log?.userIds.includes(userId)),
          }
        }),
      ),
    'sessions/ended': ({ sessionIds }) => ({
      ended: sessionIds.filter((id) => ended.has(id)).map((sessionId) => ({ sessionId, reason: 'revoked' })),
    }),
    'typing/audience': ({ asks }) => {
      seen.typing += asks.length
      return toBatchReply(
        asks.map(({ conversationId }) => {
          if (conversationId === 'not-mine') return new AppError('forbidden', 'not yours')
          return conversationId === 'crowd' ? {} : { room: `c:${conversationId}` }
        }),
      )
    },
    'presence/visible': ({ asks }) =>
      toBatchReply(
        asks.map(({ otherIds }) => ({
          visible: otherIds.filter((userId) => !hidden.has(userId)).map((userId) => ({ userId })),
        })),
      ),
    'presence/seen': ({ seen: left }) => {
      seen.left.push(...left)
      return {}
    },
    'events/ask': ({ event }) => {
      seen.asked.push(event)
      return { entries: [], lastSeq: 0, complete: true }
    },
    'log/returns': ({ asks }) => {
      seen.returned.push(asks.length)
      const page = { conversations: [], ended: [], cursor: 'newer', complete: true }
      return toBatchReply(asks.map(({ query }) => (query.cursor === 'missed much' ? {} : { page })))
    },
  }
  return { seen, groups, logs, ended, hidden, handlers }
}

export interface TestClient extends AsyncDisposable {
  socket: Socket
  userId: UserId
  sessionId: SessionId
  /** The first of an event that was named in `once`. */
  heard: (event: string) => Promise<unknown>
  ask: (
    event: string,
    ...args: unknown[]
  ) => Promise<{ ok: boolean; data?: Record<string, never>; error?: { code: string } }>
}

interface ClientOptions {
  userId?: string
  sessionId?: string
  deviceId?: string
  appState?: string
  heartbeat?: string
  expiresIn?: string
  transports?: ('websocket' | 'polling')[]
  headers?: Record<string, string>
  reconnection?: boolean
  /** Events whose first occurrence is kept from the beginning on. */
  once?: string[]
}

export async function connectClient(
  url: string,
  issuer: TokenIssuer,
  options: ClientOptions = {},
): Promise<TestClient> {
  const {
    userId = `user-${uuid()}`,
    sessionId = uuid(),
    deviceId = uuid(),
    appState,
    heartbeat,
    expiresIn = '15m',
    transports = ['websocket'],
    headers = {},
    reconnection = false,
    once = [],
  } = options
  const socket = io(url, {
    transports,
    reconnection,
    forceNew: true,
    extraHeaders: headers,
    query: heartbeat === undefined ? {} : { heartbeat },
    auth: { token: await issuer.sign({ userId, sessionId, deviceId, expiresIn }), appState },
  })
  const first = new Map(once.map((event) => [event, new Promise((resolve) => socket.once(event, resolve))]))
  await new Promise<void>((resolve, reject) => socket.on('connect', resolve).on('connect_error', reject))
  return {
    socket,
    heard: (event) => first.get(event) ?? Promise.reject(new Error(`${event} was not listened for`)),
    userId: userId as UserId,
    sessionId: sessionId as SessionId,
    ask: (event, ...args) => socket.timeout(30_000).emitWithAck(event, ...args),
    async [Symbol.asyncDispose]() {
      socket.disconnect()
    },
  }
}

/** The code with which a client's WebSocket closes. */
export const closeCodeOf = ({ socket }: TestClient): Promise<number | undefined> =>
  new Promise((resolve) =>
    socket.once('disconnect', (_reason, details) =>
      resolve((details as { context?: { code?: number } } | undefined)?.context?.code),
    ),
  )

/** The error with which a handshake is refused. */
export const refusedWith = (
  url: string,
  auth: object,
  headers: Record<string, string> = {},
  query: Record<string, string> = {},
) =>
  new Promise<{ message: string; data?: { code: string } }>((resolve, reject) => {
    const socket = io(url, {
      transports: ['websocket'],
      reconnection: false,
      forceNew: true,
      auth,
      query,
      extraHeaders: headers,
    })
    socket.on('connect_error', (err) => resolve(err as never))
    socket.on('connect', () => reject(new Error('was let in')))
  })

/** Two gateways on one Redis, a token issuer, and what answers for messages. */
export const test = base
  .extend('redisUrl', { scope: 'file' }, async ({}, { onCleanup }) => {
    const redis = await startPrivateRedis()
    onCleanup(() => redis[Symbol.asyncDispose]())
    return redis.url
  })
  .extend('ownRedis', async ({}, { onCleanup }) => {
    const redis = await startPrivateRedis()
    onCleanup(() => redis[Symbol.asyncDispose]())
    return redis
  })
  .extend('redis', { scope: 'file' }, ({ redisUrl }, { onCleanup }) => {
    const redis = new Redis(redisUrl)
    onCleanup(() => redis.disconnect())
    return redis
  })
  .extend('announcer', { scope: 'file' }, ({ redis }) => createAnnouncer(redis))
  .extend('issuer', { scope: 'file' }, async ({}, { onCleanup }) => {
    const issuer = await startTokenIssuer()
    onCleanup(() => issuer[Symbol.asyncDispose]())
    return issuer
  })
  .extend('messages', { scope: 'file' }, async ({}, { onCleanup }) => {
    const double = createMessagesDouble()
    const peer = await startInternalPeer({ secret, handlers: double.handlers })
    onCleanup(() => peer[Symbol.asyncDispose]())
    return { ...double, url: peer.url }
  })
  .extend(
    'start',
    { scope: 'file' },
    ({ redisUrl, issuer, messages }) =>
      async (id: string, more: Record<string, string> = {}, overrides: Overrides = {}) => {
        const node = await startGateway(
          loadConfig({
            HOST: '127.0.0.1',
            PORT: '0',
            INTERNAL_PORT: '0',
            LOG_LEVEL: 'silent',
            GATEWAY_ID: id,
            REDIS_URL: redisUrl,
            INTERNAL_SECRET: secret,
            MESSAGES_URLS: messages.url,
            AUTH_JWKS_URL: issuer.jwksUrl,
            ALLOWED_ORIGINS: goodOrigin,
            DRAIN_MS: '100',
            // The machine of the tests is busy; load is what a test says it is.
            SHED_LAG_MS: '10000',
            ...more,
          }),
          overrides,
        )
        // It does not wait for Redis, and who is let in before then may miss what is rung at once.
        if (!more['REDIS_URL']) await vi.waitUntil(() => node.ctx.subscriber.missing === 0)
        return node
      },
  )
  .extend('a', { scope: 'file' }, async ({ start }, { onCleanup }) => {
    const node = await start('a')
    onCleanup(() => node[Symbol.asyncDispose]())
    return node
  })
  .extend('b', { scope: 'file' }, async ({ start }, { onCleanup }) => {
    const node = await start('b')
    onCleanup(() => node[Symbol.asyncDispose]())
    return node
  })
