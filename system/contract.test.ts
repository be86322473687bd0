import { randomUUID as uuid } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { type ErrorCode, catalogue } from '@parley/shared/errors'
import type { SyncPage } from '@parley/shared/protocol'
import { type ClientEventName, clientEvents } from '@parley/shared/protocol'
import { logIn, type Person, signUp } from '@parley/testing/chat-api'
import { openEvents } from '@parley/testing/event-reader'
import { Client } from 'pg'
import { describe, expect, vi } from 'vitest'
import { asHttp, judgeEvent, readContract, spoil } from './contract.ts'
import { test as base } from './fixture.ts'

type Request = Record<string, unknown>
type Body = Record<string, never>

/** Asks over HTTP, and holds every answer against the document. */
const test = base
  .extend('contract', { scope: 'file' }, () => readContract('openapi.json'))
  .extend('wrong', { scope: 'file' }, () => [] as string[])
  .extend(
    'http',
    { scope: 'file' },
    ({ stack, contract, wrong }) =>
      async (method: string, target: string, { as, body }: { as?: Person; body?: unknown } = {}) => {
        for (;;) {
          const response = await fetch(new URL(target, stack.urls.app), {
            method,
            redirect: 'manual',
            headers: {
              ...(as ? { authorization: `Bearer ${as.token}` } : {}),
              ...(body === undefined || body instanceof FormData
                ? {}
                : { 'content-type': 'application/json' }),
            },
            ...(body === undefined ? {} : { body: body instanceof FormData ? body : JSON.stringify(body) }),
          })
          const text = await response.text()
          const isJson = response.headers.get('content-type')?.startsWith('application/json') ?? false
          const answer = (isJson ? JSON.parse(text) : {}) as Body & {
            error?: { code: ErrorCode; retryAfterMs?: number }
          }
          if (response.status === 429) {
            await wait(answer.error?.retryAfterMs)
            continue
          }
          const fault = contract.judge(method, target, response.status, isJson ? answer : undefined)
          if (fault) wrong.push(fault)
          return { status: response.status, body: answer, headers: response.headers }
        }
      },
  )
  .extend('database', { scope: 'file' }, async ({ stack }, { onCleanup }) => {
    const client = new Client(stack.urls.postgres)
    await client.connect()
    onCleanup(() => client.end())
    return client
  })

/** One good request of each event, in an order in which they can be asked. */
function script(people: { ann: Person; ben: Person; cat: Person }) {
  const { ann, ben, cat } = people
  const team = `team-${uuid()}`
  const conversationId = team
  let messageId = ''
  const send = () => ({
    clientMessageId: uuid(),
    to: { conversationId },
    type: 'text',
    content: { text: 'hello' },
    mentions: [ben.userId],
    ext: { a: 1 },
  })
  const group = { policy: 'public', name: 'Team', notice: 'n', userIds: [ben.userId] }
  const steps: [ClientEventName, Person, () => Request][] = [
    ['group:create', ann, () => ({ conversationId, ...group })],
    ['group:read', ann, () => ({ conversationId })],
    ['group:update', ann, () => ({ conversationId, name: `Team ${uuid()}` })],
    ['message:send', ann, send],
    ['message:edit', ann, () => ({ conversationId, messageId, content: { text: uuid() } })],
    ['message:react', ben, () => ({ conversationId, messageId, emoji: '🎉' })],
    ['message:search', ann, () => ({ words: 'hello', limit: 5 })],
    ['receipt:deliver', ben, () => ({ conversationId, seq: 1 })],
    ['receipt:read', ben, () => ({ conversationId, seq: 2 })],
    ['message:mark', ben, () => ({ conversationId, messageIds: [messageId], read: false })],
    ['receipt:list', ann, () => ({ conversationId, messageId })],
    ['log:read', ben, () => ({ conversationId, after: 0, limit: 10 })],
    ['log:sync', ben, () => ({ limit: 10 })],
    ['conversation:list', ben, () => ({ limit: 10 })],
    ['conversation:set', ben, () => ({ conversationId, pinned: true })],
    ['unread:count', ben, () => ({})],
    ['typing:set', ben, () => ({ conversationId, typing: true })],
    ['presence:read', ben, () => ({ ids: ben.userId })],
    ['presence:watch', ben, () => ({ userIds: [ben.userId], watch: true })],
    ['app:state', ben, () => ({ state: 'foreground', activeConversationId: conversationId })],
    ['session:renew', ben, () => ({ token: ben.token })],
    ['group:members', ann, () => ({ conversationId, limit: 10 })],
    ['group:join', cat, () => ({ conversationId, greeting: 'let me in' })],
    ['group:requests', ann, () => ({ conversationId, limit: 10 })],
    ['group:answer', ann, () => ({ conversationId, userId: cat.userId, accept: true })],
    ['group:appoint', ann, () => ({ conversationId, userId: ben.userId, role: 'admin' })],
    ['group:silence', ann, () => ({ conversationId, userId: cat.userId, seconds: 1 })],
    ['group:silence-all', ann, () => ({ conversationId, silenced: false })],
    ['group:exempt', ann, () => ({ conversationId, userId: cat.userId, exempt: true })],
    ['group:kick', ann, () => ({ conversationId, userIds: [cat.userId], reason: 'noise' })],
    ['group:pardon', ann, () => ({ conversationId, userId: cat.userId })],
    ['group:invite', ann, () => ({ conversationId, userIds: [cat.userId] })],
    ['message:hide', ben, () => ({ conversationId, messageIds: [messageId] })],
    ['message:recall', ann, () => ({ conversationId, messageId })],
    ['log:clear', ben, () => ({ conversationId, seq: 1 })],
    ['group:leave', cat, () => ({ conversationId })],
    ['group:transfer', ann, () => ({ conversationId, userId: ben.userId })],
    ['group:dissolve', ben, () => ({ conversationId })],
  ]
  return { steps, hear: (reply: Body) => (messageId ||= reply['messageId'] ?? '') }
}

test('every event and every route answers as documented, with no field more', async ({
  api,
  stack,
  connect,
  contract,
  http,
  wrong,
}) => {
  const people = {
    ann: await signUp(api, 'ann'),
    ben: await signUp(api, 'ben'),
    cat: await signUp(api, 'cat'),
  }
  const { ann, ben, cat } = people
  const asked = new Set<string>()
  const clients = new Map(
    await Promise.all(
      [ann, ben, cat].map(
        async (it, i) => [it, await connect(it, stack.urls.gateways[i % 2] ?? '')] as const,
      ),
    ),
  )

  for (const way of ['socket', 'http'] as const) {
    const { steps, hear } = script(people)
    for (const [event, person, request] of steps) {
      const form = asHttp(event, request())
      if (way === 'socket' || !form) {
        const result = await clients.get(person)?.ask<Body>(event, request())
        if (!result?.ok) throw new Error(`${event}: ${JSON.stringify(result)}`)
        hear(result.data)
        asked.add(event)
        const fault = judgeEvent(event, result.data)
        if (fault) wrong.push(fault)
      } else {
        const { status, body } = await http(form.method, form.target, { as: person, body: form.body })
        expect(status, `${event} over HTTP: ${JSON.stringify(body)}`).toBeLessThan(300)
        hear(body)
      }
    }
  }
  expect([...asked].toSorted()).toEqual(Object.keys(clientEvents).toSorted())

  await theOtherRoutes({ api, http, people, url: stack.urls.app, contract })
  for (const { events } of clients.values())
    for (const { name, payload } of events) {
      const fault = judgeEvent(name, payload)
      if (fault) wrong.push(fault)
    }
  expect(contract.routes.filter((route) => !contract.answered.has(route))).toEqual([
    // There is no provider of maps in this stack.
    'GET /v1/media/maps',
  ])
  expect([...new Set(wrong)]).toEqual([])
  // Had there been a field more, it would have been seen.
  expect(judgeEvent('receipt:read', { seq: 1, more: true })).toContain('additional properties')
  expect(contract.judge('GET', '/v1/unread', 200, { total: '1' })).toContain('must be integer')
})

type Http = (
  method: string,
  target: string,
  options?: { as?: Person; body?: unknown },
) => Promise<{ status: number; body: Body; headers: Headers }>

async function theOtherRoutes({
  api,
  http,
  people: { ann, ben, cat },
  url,
  contract,
}: {
  api: Parameters<typeof signUp>[0]
  http: Http
  people: { ann: Person; ben: Person; cat: Person }
  url: string
  contract: ReturnType<typeof readContract>
}): Promise<void> {
  const good = async (...args: Parameters<Http>) => {
    const answer = await http(...args)
    expect(answer.status, `${args[0]} ${args[1]}: ${JSON.stringify(answer.body)}`).toBeLessThan(400)
    return answer.body
  }
  const password = 'correct horse battery'
  const dan = `dan-${uuid().slice(0, 8)}`
  await good('POST', '/v1/accounts', { body: { userId: dan, password, displayName: 'Dan' } })
  const session = (id: string) => ({ body: { userId: dan, password, device: { id, platform: 'web' } } })
  const tokens = await good('POST', '/v1/sessions', session('one'))
  const as = { userId: dan, password, deviceId: 'one', token: tokens['accessToken'] ?? '', refreshToken: '' }
  await good('POST', '/v1/sessions/refresh', { body: { refreshToken: tokens['refreshToken'] } })
  await good('POST', '/v1/sessions', session('two'))
  const { sessions } = (await good('GET', '/v1/sessions', { as })) as unknown as {
    sessions: { sessionId: string; current: boolean }[]
  }
  const other = sessions.find(({ current }) => !current)?.sessionId ?? ''
  await good('DELETE', `/v1/sessions/${other}`, { as })
  await good('DELETE', '/v1/sessions?except=current', { as })
  await good('PUT', '/v1/accounts/current/password', {
    as,
    body: { currentPassword: password, newPassword: `${password} 2` },
  })
  await good('POST', '/v1/sessions/logout', { body: { ticket: tokens['logoutTicket'] } })
  await good('DELETE', '/v1/sessions/current', { as: await logIn(api, cat.userId, 'tablet') })
  await good('GET', '/v1/jwks')
  await good('PUT', '/v1/devices/current/push', { as: ann, body: { kind: 'fcm', token: uuid() } })

  for (const [asker, answer] of [
    [ann, 'accept'],
    [cat, 'decline'],
  ] as const) {
    await good('POST', '/v1/contacts/requests', { as: asker, body: { userId: ben.userId, greeting: 'hi' } })
    await good('POST', `/v1/contacts/${asker.userId}/${answer}`, { as: ben })
  }
  await good('GET', '/v1/contacts', { as: ann })
  await good('PATCH', `/v1/contacts/${ben.userId}`, { as: ann, body: { remark: 'B' } })
  await good('DELETE', `/v1/contacts/${ben.userId}`, { as: ann })
  await good('PUT', `/v1/contacts/${ben.userId}/block`, { as: ann })
  await good('DELETE', `/v1/contacts/${ben.userId}/block`, { as: ann })

  await good('PATCH', '/v1/me', { as: ann, body: { displayName: 'Ann' } })
  await good('GET', '/v1/me', { as: ann })
  await good('GET', `/v1/users?query=${ben.userId}`, { as: ann })
  await good('POST', '/v1/users/lookup', { as: ann, body: { userIds: [ben.userId] } })
  const draft = { clientMessageId: uuid(), to: { userId: ben.userId }, type: 'text', content: { text: 'hi' } }
  const { conversationId } = await good('POST', '/v1/messages', { as: ann, body: draft })
  const notifications = `/v1/conversations/${String(conversationId)}/notifications`
  await good('PUT', notifications, { as: ann, body: { level: 'none', until: '2030-01-01T00:00:00Z' } })
  await good('GET', notifications, { as: ann })
  const quietHours = { from: '22:00', until: '07:00', timeZone: 'Europe/Paris' }
  await good('PUT', '/v1/notifications', { as: ann, body: { quietHours, preview: 'sender' } })
  await good('GET', '/v1/notifications', { as: ann })

  const page = (await good('POST', '/v1/sync', { as: ann, body: { known: [] } })) as unknown as SyncPage
  using events = await openEvents(`${url}/v1/events?cursor=${page.cursor}`, {
    authorization: `Bearer ${ann.token}`,
  })
  await vi.waitUntil(() => events.events.length > 0)
  expect(contract.judge('GET', '/v1/events', events.status ?? 0, undefined)).toBeUndefined()

  const picture = await readFile(path.join(import.meta.dirname, '../infra/local/assets/seeding.jpg'))
  const upload = { fileName: 'a.jpg', contentType: 'image/jpeg', sizeBytes: picture.length }
  const ticket = (await good('POST', '/v1/media/uploads', { as: ann, body: upload })) as unknown as {
    mediaId: string
    upload: { method: string; url: string; headers: Record<string, string> }
  }
  const put = { method: ticket.upload.method, headers: ticket.upload.headers, body: picture }
  expect((await fetch(ticket.upload.url, put)).status).toBe(200)
  await good('POST', `/v1/media/uploads/${ticket.mediaId}/complete`, { as: ann })
  await vi.waitUntil(
    async () =>
      (await good('GET', `/v1/media/${ticket.mediaId}?format=json`, { as: ann }))['status'] === 'ready',
    { interval: 200 },
  )
  await good('GET', `/v1/media/${ticket.mediaId}`, { as: ann })
  await good('GET', `/v1/media/${ticket.mediaId}/thumbnail`, { as: ann })
  const second = await good('POST', '/v1/media/uploads', { as: ann, body: upload })
  await good('DELETE', `/v1/media/uploads/${String(second['mediaId'])}`, { as: ann })
  const form = new FormData()
  form.append('file', new Blob([picture], { type: 'image/jpeg' }), 'b.jpg')
  await good('POST', '/v1/media/files', { as: ann, body: form })
  await good('GET', `/v1/media/avatars/users/${ann.userId}`, { as: ann })
  const { summary } = (await good('POST', '/v1/conversations', {
    as: ann,
    body: { name: 'Two' },
  })) as unknown as { summary: { conversationId: string } }
  await good('GET', `/v1/media/avatars/groups/${summary.conversationId}`, { as: ann })
  expect((await http('GET', '/v1/media/maps?latitude=48.85&longitude=2.35', { as: ann })).status).toBe(404)
}

describe('P10 bad input', () => {
  test('gets its documented code on every event and every route of it, and stores nothing', async ({
    api,
    stack,
    connect,
    http,
    database,
  }) => {
    const [ann, ben, cat, eve] = (await Promise.all(
      ['ann', 'ben', 'cat', 'eve'].map((name) => signUp(api, name)),
    )) as [Person, Person, Person, Person]
    const { steps, hear } = script({ ann, ben, cat })
    const created = await api.post('/v1/conversations', { ...steps[0]?.[2](), policy: 'private' }, ann.token)
    expect(created.status).toBe(201)
    const sent = steps.find(([event]) => event === 'message:send')?.[2]()
    hear((await api.post('/v1/messages', sent, ann.token)).body)
    const socket = await connect(eve, stack.urls.gateways[1])
    const before = await settled(database)

    const faults: string[] = []
    const expectCode = (event: string, why: string, code: string | undefined, allowed: ErrorCode[]) => {
      if (!code || !allowed.includes(code as ErrorCode))
        faults.push(`${event} with ${why}: ${code ?? 'accepted'}`)
    }
    const ask = async (event: ClientEventName, request: Request) => {
      for (;;) {
        const result = await socket.ask(event, request)
        if (result.ok || result.error.code !== 'rate_limited') return result
        await wait(result.error.retryAfterMs)
      }
    }
    for (const [event, , request] of steps) {
      const badRequests = spoil(clientEvents[event].request, request())
      expect(badRequests.length).toBeGreaterThan(0)
      for (const { why, request: bad } of badRequests) {
        const result = await ask(event, bad)
        expectCode(event, why, result.ok ? undefined : result.error.code, ['invalid_request', 'too_large'])
        const form = asHttp(event, bad)
        if (!form || form.target.length > 8_000 || isAnotherRoute(why, form.target, bad)) continue
        if (!form.body && clientEvents[event].request.safeParse(inText(bad)).success) continue
        const { body } = await http(form.method, form.target, { as: eve, body: form.body })
        // In a path everything is text, so some of it is only a name that nobody has.
        const allowed: ErrorCode[] = ['invalid_request', 'too_large', 'not_found', 'forbidden']
        expectCode(`${event} over HTTP`, why, (body as { error?: { code: string } }).error?.code, allowed)
      }
      // Many refusals in a row are a flood.
      expect((await socket.ask('unread:count', {})).ok).toBe(true)

      // A good request of somebody who has no business there.
      const good = request()
      if (!('conversationId' in good) && !('to' in good)) continue
      if (event === 'group:create' || event === 'app:state') continue
      const foreign = await ask(event, good)
      expectCode(event, 'an id of others', foreign.ok ? undefined : foreign.error.code, [
        'forbidden',
        'not_found',
      ])
      const form = asHttp(event, good)
      if (!form) continue
      const { body } = await http(form.method, form.target, { as: eve, body: form.body })
      const { code } = (body as { error?: { code: string } }).error ?? {}
      expectCode(`${event} over HTTP`, 'an id of others', code, ['forbidden', 'not_found'])
    }
    expect(faults).toEqual([])
    expect(await settled(database)).toEqual(before)
  })

  test('gets its documented code on the routes beside the table, and stores nothing', async ({
    api,
    http,
    contract,
    database,
  }) => {
    const eve = await signUp(api, 'eve')
    const before = await settled(database)
    const faults: string[] = []
    const own = new Set(
      Object.values(clientEvents).flatMap((it) => ('http' in it ? [asTemplate(it.http.route)] : [])),
    )
    for (const route of contract.routes.filter((it) => !own.has(it))) {
      const [method = '', template = ''] = route.split(' ')
      const target = template.replaceAll(/\{\w+\}/g, 'nobody-has-this')
      const bodies =
        method === 'GET' || method === 'DELETE' ? [undefined] : [{ unheardOf: 1 }, ['x'], 'x', 1, null]
      for (const body of bodies) {
        const query = body === undefined ? '?unheardOf=1&cursor=%00&limit=x&query=&latitude=x&size=x' : ''
        const { status, body: answer } = await http(method, `${target}${query}`, { as: eve, body })
        const { code } = (answer as { error?: { code: ErrorCode } }).error ?? {}
        // What takes nothing but a token has nothing to refuse.
        if (takesNothing.has(route)) continue
        if (!code || !(code in catalogue) || status >= 500)
          faults.push(`${route} with ${JSON.stringify(body)}: ${status}`)
      }
      if (!open.has(route)) {
        const { status } = await http(method, target, bodies[0] === undefined ? {} : { body: bodies[0] })
        if (status !== 401 && status !== 400) faults.push(`${route} without a token: ${status}`)
      }
    }
    expect(faults).toEqual([])
    expect(await settled(database)).toEqual(before)
  })
})

const takesNothing = new Set(['GET /v1/jwks', 'GET /v1/sessions', 'GET /v1/me', 'GET /v1/notifications'])
const open = new Set(['GET /v1/jwks'])

const asTemplate = (route: string) => route.replaceAll(/:(\w+)/g, '{$1}')

/** As a query has it. */
const inText = (request: Request) =>
  Object.fromEntries(
    Object.entries(request).map(([name, value]) => [
      name,
      typeof value === 'string' ? value : JSON.stringify(value),
    ]),
  )

/** A field that is missing from a path makes another path of it. */
const isAnotherRoute = (why: string, target: string, bad: Request) =>
  target.includes('//') || target.endsWith('/') || (why.startsWith('no ') && !('conversationId' in bad))

/** Rows and what they say, of what clients change; once the server has done what was left to do. */
async function settled(database: Client): Promise<Record<string, string>> {
  const unfinished = `select from messages.dispatch union all select from media.media where status = 'processing'`
  await vi.waitUntil(async () => (await database.query(unfinished)).rowCount === 0, {
    interval: 200,
  })
  const { rows: tables } = await database.query<{ name: string }>(
    `select table_schema || '.' || table_name as name from information_schema.tables
     where table_schema in ('messages', 'media') and table_type = 'BASE TABLE' order by 1`,
  )
  const facts: Record<string, string> = {}
  for (const { name } of tables) {
    if (changedByItself.test(name)) continue
    const { rows } = await database.query<{ fact: string }>(
      `select count(*) || ' ' || coalesce(sum(hashtext(t::text)), 0) as fact from ${name} t`,
    )
    facts[name] = rows[0]?.fact ?? ''
  }
  return facts
}

/** When a device was seen, and what follows messages without anybody asking. */
const changedByItself =
  /\.(session|device|dispatch|push_|notification_|kysely_|search|last_seen|entry_\d|doomed)|attempt/
