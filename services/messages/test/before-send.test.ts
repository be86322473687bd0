import { createHmac, randomBytes, randomUUID as uuid } from 'node:crypto'
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { Entry } from '@parley/shared/entry'
import { openRpc } from '@parley/shared/rpc-client'
import { type Api, createApi, type Person, signUp } from '@parley/testing/chat-api'
import { describe, expect, vi } from 'vitest'
import { type Config, loadConfig } from '../src/config.ts'
import { makeApiKey } from '../src/server-api/api-keys.ts'
import { startMessages } from '../src/service.ts'
import { test as base } from './fixture.ts'

interface Asked {
  kind: 'send' | 'edit'
  conversationId: string
  senderId: string
  content: { text?: string }
}
type Answer = (messages: Asked[], response: ServerResponse) => unknown

const secret = `whsec_${randomBytes(32).toString('base64')}`
const { key, entry } = makeApiKey('send', ['messages:send'])
const allow: Answer = (messages) => messages.map(() => ({ allow: true }))
const vetoBad: Answer = (messages) =>
  messages.map(({ content }) =>
    content.text?.includes('bad') ? { allow: false, reason: 'mind your words' } : { allow: true },
  )

/** A hook over real HTTP, with the verdicts a test gives it. */
async function startHook() {
  const hook = {
    answer: allow,
    requests: [] as { messages: Asked[]; headers: IncomingHttpHeaders; body: string }[],
  }
  const sockets = new Set<unknown>()
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString()
      const { messages } = (JSON.parse(body) as { data: { messages: Asked[] } }).data
      hook.requests.push({ messages, headers: request.headers, body })
      const verdicts = hook.answer(messages, response)
      if (verdicts !== undefined) response.end(JSON.stringify({ verdicts }))
    })
  })
  server.on('connection', (socket) => sockets.add(socket))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' && address ? address.port : 0
  return Object.assign(hook, {
    url: `http://127.0.0.1:${port}/check`,
    connections: () => sockets.size,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  })
}

const test = base.extend('asking', async ({ config }, { onCleanup }) => {
  const opened = new AsyncDisposableStack()
  onCleanup(() => opened.disposeAsync())
  return async (failure: 'open' | 'closed', settings: Partial<NonNullable<Config['beforeSend']>> = {}) => {
    const hook = opened.use(await startHook())
    const beforeSend = {
      url: hook.url,
      secrets: [secret],
      failure,
      deadlineMs: 2_000,
      concurrency: 4,
      ...settings,
    }
    const serverApi = { port: 0, keys: [entry], requestsPerSecond: 1_000 }
    const service = opened.use(await startMessages({ ...config, beforeSend, serverApi }))
    const api = createApi(service.url)
    const [ada, bob] = (await Promise.all([signUp(api), signUp(api)])) as [Person, Person]
    const say = (text: string, more: object = {}) =>
      api.post(
        '/v1/messages',
        { clientMessageId: uuid(), to: { userId: bob.userId }, type: 'text', content: { text }, ...more },
        ada.token,
      )
    return { hook, service, api, ada, bob, say }
  }
})

/** Keeps messages of a conversation from being committed. */
async function holdCommits({ ctx }: Awaited<ReturnType<typeof startMessages>>, conversationId: unknown) {
  const client = await ctx.pool.connect()
  await client.query('begin')
  await client.query('select from conversation where conversation_id = $1 for update', [conversationId])
  return {
    untilOneWaits: () =>
      vi.waitUntil(async () => {
        const { rows } = await client.query(
          `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
        )
        return rows.length > 0
      }),
    release: () => client.query('commit'),
    // Before the service is closed, which waits for its connections.
    async [Symbol.asyncDispose]() {
      client.release(true)
    },
  }
}

async function countVerdicts({ ctx }: Awaited<ReturnType<typeof startMessages>>, verdict: string) {
  const metric = await ctx.metrics.getSingleMetric('parley_before_send_verdicts_total')?.get()
  return metric?.values.find(({ labels }) => labels['verdict'] === verdict)?.value ?? 0
}

const logOf = async (api: Api, who: Person, id: unknown) =>
  (await api.get(`/v1/conversations/${String(id)}/entries`, who.token)).body['entries'] as unknown as Entry[]

describe('a before-send hook', () => {
  test('that says no keeps a message from being stored, and its sender is told why', async ({ asking }) => {
    const { hook, api, ada, say } = await asking('closed')
    hook.answer = vetoBad
    const good = await say('good')
    expect(good.status).toBe(201)
    expect(await say('bad')).toMatchObject({
      status: 403,
      body: { error: { code: 'vetoed', message: 'mind your words', retryable: false } },
    })
    expect((await say('good again')).body['seq']).toBe(2)
    expect(
      (await logOf(api, ada, good.body['conversationId'])).map(({ content }) => content['text']),
    ).toEqual(['good', 'good again'])
  })

  test('is told what would be stored and by whom, and signs of it can be checked', async ({ asking }) => {
    const { hook, ada, bob, say } = await asking('closed')
    await say('hello', { ext: { a: 1 }, mentions: [bob.userId] })
    const [request] = hook.requests
    expect(request?.messages).toMatchObject([
      {
        kind: 'send',
        senderId: ada.userId,
        toUserId: bob.userId,
        type: 'text',
        content: { text: 'hello' },
        ext: { a: 1 },
        mentions: [bob.userId],
      },
    ])
    const {
      'webhook-id': id,
      'webhook-timestamp': timestamp,
      'webhook-signature': given,
    } = request?.headers ?? {}
    const hmac = createHmac('sha256', Buffer.from(secret.slice(6), 'base64'))
    expect(given).toBe(
      `v1,${hmac.update(`${String(id)}.${String(timestamp)}.${request?.body}`).digest('base64')}`,
    )
  })

  test('P2 a message that was refused, or stored, gets that answer again whatever would be said now', async ({
    asking,
    config,
  }) => {
    const { hook, service, ada, say } = await asking('closed')
    hook.answer = vetoBad
    const [stored, refused] = [{ clientMessageId: uuid() }, { clientMessageId: uuid() }]
    const first = await say('good', stored)
    const no = await say('bad', refused)
    hook.answer = (messages) => messages.map(({ content }) => ({ allow: content.text === 'bad' }))
    expect((await say('good', stored)).body).toEqual(first.body)
    expect((await say('bad', refused)).body).toEqual(no.body)
    const asked = hook.requests.length
    await service[Symbol.asyncDispose]()
    const beforeSend = {
      url: hook.url,
      secrets: [secret],
      failure: 'closed' as const,
      deadlineMs: 2_000,
      concurrency: 4,
    }
    await using other = await startMessages({ ...config, beforeSend })
    const draft = { type: 'text', content: { text: 'bad' } }
    const to = { conversationId: first.body['conversationId'] }
    expect(
      (await createApi(other.url).post('/v1/messages', { ...draft, ...refused, to }, ada.token)).body,
    ).toEqual(no.body)
    expect(hook.requests.length).toBe(asked)
  })

  test('P2 a repeat that comes while the first is being stored is that message, and is not asked about', async ({
    asking,
  }) => {
    const { hook, service, api, ada, say } = await asking('closed')
    const { body } = await say('opens the conversation')
    await using held = await holdCommits(service, body['conversationId'])
    const draft = { clientMessageId: uuid() }
    hook.answer = vetoBad
    const storing = say('good', draft)
    await held.untilOneWaits()
    const asked = hook.requests.length
    const repeating = say('bad', draft)
    await vi.waitUntil(async () => (await countVerdicts(service, 'known')) === 1)
    await held.release()
    const stored = await storing
    expect(stored.status).toBe(201)
    expect((await repeating).body).toEqual(stored.body)
    expect(hook.requests.length).toBe(asked)
    expect((await logOf(api, ada, body['conversationId'])).map(({ content }) => content['text'])).toEqual([
      'opens the conversation',
      'good',
    ])
  })

  test('that closes a connection at the moment it is used again is asked once more', async ({ asking }) => {
    const { hook, say } = await asking('closed')
    await say('first')
    hook.answer = (_, response) => {
      hook.answer = vetoBad
      return void response.destroy()
    }
    expect(await say('second')).toMatchObject({ status: 201 })
    expect(hook.requests.map(({ headers }) => headers['webhook-id'])).toEqual([
      expect.any(String),
      ...Array(2).fill(hook.requests[1]?.headers['webhook-id']),
    ])
  })

  test('P2 a repeat that another instance asks about while the first is being stored is that message, whatever is said of it', async ({
    asking,
    config,
  }) => {
    const { hook, service, ada, bob, say } = await asking('closed', { deadlineMs: 20_000 })
    const { body } = await say('opens the conversation')
    await using other = await startMessages({
      ...config,
      beforeSend: { url: hook.url, secrets: [secret], failure: 'closed', deadlineMs: 20_000, concurrency: 4 },
    })
    await using held = await holdCommits(service, body['conversationId'])
    const draft = { clientMessageId: uuid() }
    const storing = say('good', draft)
    await held.untilOneWaits()
    let veto: (() => void) | undefined
    hook.answer = (_, response) => {
      veto = () => void response.end(JSON.stringify({ verdicts: [{ allow: false }] }))
    }
    const message = { ...draft, to: { userId: bob.userId }, type: 'text', content: { text: 'good' } }
    const repeating = createApi(other.url).post('/v1/messages', message, ada.token)
    await vi.waitUntil(() => veto)
    await held.release()
    const stored = await storing
    veto?.()
    expect(await repeating).toMatchObject({ status: 201, body: stored.body })
    expect((await say('good', draft)).body).toEqual(stored.body)
    expect([await countVerdicts(other, 'vetoed'), await countVerdicts(other, 'known')]).toEqual([1, 0])
  })

  test('P2 a send and its repeat in one question are one message where one of them is allowed', async ({
    asking,
    config,
  }) => {
    const { hook, service, ada, bob } = await asking('closed')
    hook.answer = (messages) => messages.map((_message, i) => ({ allow: i === 1 }))
    await using rpc = openRpc({ baseUrl: service.internalUrl, secret: config.internalSecret })
    const draft = {
      clientMessageId: uuid(),
      to: { userId: bob.userId },
      type: 'text',
      content: { text: 'good' },
    }
    const send = { userId: ada.userId, deviceId: ada.deviceId, draft } as never
    const { results } = await rpc.call('messages/send', { sends: [send, send] })
    expect(hook.requests.map(({ messages }) => messages.length)).toEqual([2])
    expect(results).toMatchObject([{ ok: true, data: { seq: 1 } }, results[0]])
  })

  test('puts its own ext in the place of the sender’s', async ({ asking }) => {
    const { hook, api, ada, say } = await asking('closed')
    hook.answer = (messages) => messages.map(() => ({ allow: true, ext: { checked: true } }))
    const { body } = await say('hello', { ext: { mine: 1 } })
    expect(await logOf(api, ada, body['conversationId'])).toMatchObject([{ ext: { checked: true } }])
  })

  test('P9 is asked about edits too, so that an edit is no way round it', async ({ asking }) => {
    const { hook, api, ada, say } = await asking('closed')
    hook.answer = vetoBad
    const { body } = await say('good')
    const path = `/v1/conversations/${String(body['conversationId'])}/messages/${String(body['messageId'])}`
    expect((await api.patch(path, { content: { text: 'bad' } }, ada.token)).body.error?.code).toBe('vetoed')
    expect((await api.patch(path, { content: { text: 'better' } }, ada.token)).status).toBe(200)
    expect((await logOf(api, ada, body['conversationId']))[0]?.content).toEqual({ text: 'better' })
  })

  test('is not asked about what the operator itself sends', async ({ asking }) => {
    const { hook, service, bob } = await asking('closed')
    hook.answer = (messages) => messages.map(() => ({ allow: false }))
    const message = {
      clientMessageId: uuid(),
      to: { userId: bob.userId },
      type: 'text',
      content: { text: 'hi' },
    }
    const sent = await createApi(service.serverApiUrl ?? '').post('/server/v1/messages', { message }, key)
    expect(sent.status).toBe(201)
    expect(hook.requests).toEqual([])
  })

  test('P3 messages of a conversation keep their order, many in one question', async ({ asking }) => {
    const { hook, api, ada, say } = await asking('closed')
    let release: (() => void) | undefined
    // The first question waits until all the others have gathered behind it.
    hook.answer = (messages, response) => {
      hook.answer = allow
      release = () => void response.end(JSON.stringify({ verdicts: messages.map(() => ({ allow: true })) }))
    }
    const first = say('0')
    await vi.waitUntil(() => release)
    const rest = Array.from({ length: 30 }, (_, i) => say(String(i + 1)))
    // A read of somebody else's that is answered after them has come in after them.
    await Promise.all(Array.from({ length: 30 }, () => api.get('/v1/me', ada.token)))
    release?.()
    const { body } = await first
    const replies = await Promise.all(rest)
    expect(replies.every(({ status }) => status === 201)).toBe(true)
    expect(hook.requests.length).toBeLessThan(31)
    expect((await logOf(api, ada, body['conversationId'])).map(({ seq }) => seq)).toEqual(
      Array.from({ length: 31 }, (_, i) => i + 1),
    )
    expect(hook.connections()).toBeLessThanOrEqual(4)
  })

  const failures: [string, Answer][] = [
    ['a 500', (_, response) => void response.writeHead(500).end()],
    ['no answer', () => undefined],
    ['a broken connection', (_, response) => void response.destroy()],
    ['something else than verdicts', (_, response) => void response.end('{"ok":true}')],
    ['too few verdicts', () => []],
    [
      'an ext that is too large',
      (messages) => messages.map(() => ({ allow: true, ext: { a: 'x'.repeat(5_000) } })),
    ],
    [
      'a text that Postgres cannot hold',
      (messages) => messages.map(() => ({ allow: true, ext: { a: 'x\u0000' } })),
    ],
    ['an answer without end', (_, response) => void response.end(Buffer.alloc(2_000_000, '"'))],
  ]
  test.for(failures)(
    'P10 %s means yes where it is open, and a retryable no where it is closed',
    async ([, fail], { asking }) => {
      for (const failure of ['open', 'closed'] as const) {
        const { hook, say } = await asking(failure, { deadlineMs: 300 })
        hook.answer = fail
        const { status, body } = await say('hello')
        if (failure === 'open') expect(status).toBe(201)
        else
          expect({ status, error: body.error }).toMatchObject({
            status: 503,
            error: { code: 'unavailable', retryable: true },
          })
      }
    },
  )

  test('P10 that fails again and again is left alone for a while, and sends no longer wait for it', async ({
    asking,
  }) => {
    const { hook, service, say } = await asking('open', { deadlineMs: 200 })
    hook.answer = () => undefined
    for (let i = 0; i < 5; i++) expect((await say('x')).status).toBe(201)
    const asked = hook.requests.length
    for (let i = 0; i < 5; i++) expect((await say('x')).status).toBe(201)
    expect(hook.requests.length).toBe(asked)
    expect(await service.ctx.metrics.metrics()).toMatch(/parley_before_send_paused\{[^}]*\} 1/)
  })

  test('is not there unless it is configured, and not without a secret and a word on its failures', ({
    service,
  }) => {
    expect(service.ctx.beforeSend).toBeUndefined()
    const env = {
      DATABASE_URL: 'postgres://localhost/x',
      REDIS_URL: 'redis://localhost',
      INTERNAL_SECRET: 'x'.repeat(16),
      AUTH_SIGNING_KEY: 'PRIVATE KEY',
      BEFORE_SEND_URL: 'http://localhost/check',
    }
    expect(() => loadConfig(env)).toThrow('BEFORE_SEND_FAILURE')
    expect(() => loadConfig({ ...env, BEFORE_SEND_SECRETS: secret })).toThrow('BEFORE_SEND_FAILURE')
    const full = { ...env, BEFORE_SEND_SECRETS: secret, BEFORE_SEND_FAILURE: 'closed' }
    expect(loadConfig(full).beforeSend).toMatchObject({ failure: 'closed', deadlineMs: 500 })
  })
})
