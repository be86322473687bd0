import { randomBytes, randomUUID as uuid } from 'node:crypto'
import path from 'node:path'
import { type Api, createApi, type Person, signUp } from '@parley/testing/chat-api'
import { findFreePort } from '@parley/testing/free-port'
import { startProcess } from '@parley/testing/owned-process'
import { startWebhookReceiver } from '@parley/testing/webhook-receiver'
import { expect, vi } from 'vitest'
import type { Config } from '../src/config.ts'
import { startMessages } from '../src/service.ts'
import { test } from './fixture.ts'

const main = path.resolve(import.meta.dirname, '../src/main.ts')
const patient = { interval: 50 }
const kills = 2

/** The service as a process of its own, which can be killed as processes are. */
function startChild(config: Config, env: Record<string, string>) {
  return startProcess({
    file: process.execPath,
    args: [main],
    options: {
      env: {
        HOST: '127.0.0.1',
        LOG_LEVEL: 'error',
        DATABASE_URL: config.database.url,
        REDIS_URL: config.redis.url,
        INTERNAL_SECRET: config.internalSecret,
        MEDIA_URL: config.mediaUrl,
        AUTH_SIGNING_KEY: config.tokens.signingKey,
        PASSWORD_SCRYPT_COST: '10',
        WEBHOOKS_ALLOWED_NETWORKS: '127.0.0.1,::1',
        ...env,
      },
    },
  })
}

/** Asks until it is answered for good, as a client does whose server dies under it. */
async function insist(ask: () => ReturnType<Api['post']>): Promise<Record<string, unknown>> {
  return vi.waitUntil(async () => {
    const reply = await ask().catch(() => undefined)
    return reply && reply.status < 500 ? reply.body : undefined
  }, patient)
}

async function random(api: Api, people: Person[], conversations: string[], random01: () => number) {
  const pick = <T>(of: T[]) => of[Math.floor(random01() * of.length)] as T
  const who = pick(people)
  const draft = { clientMessageId: uuid(), type: 'text', content: { text: 'hi' } }
  const to = random01() < 0.6 ? { conversationId: pick(conversations) } : { userId: pick(people).userId }
  const sent = await insist(() => api.post('/v1/messages', { ...draft, to }, who.token))
  const id = `/v1/conversations/${String(sent['conversationId'])}/messages/${String(sent['messageId'])}`
  const dice = random01()
  if (sent['messageId'] === undefined) return
  if (dice < 0.2) await insist(() => api.patch(id, { content: { text: `edited ${uuid()}` } }, who.token))
  else if (dice < 0.35) await insist(() => api.put(`${id}/reactions`, { emoji: '👍' }, who.token))
  else if (dice < 0.45) await insist(() => api.delete(id, who.token))
  else if (dice < 0.55)
    await insist(() =>
      api.patch(`/v1/conversations/${pick(conversations)}`, { name: uuid() }, people[0]?.token),
    )
}

test('P1 no event is missing after a random history in which the service is killed again and again', async ({
  config,
}) => {
  const secret = `whsec_${randomBytes(32).toString('base64')}`
  await using receiver = await startWebhookReceiver({ secret })
  const { answer } = receiver
  let count = 0
  // Every eleventh is refused once, so that retries are under way when the service dies.
  receiver.answer = (response, request, event) =>
    ++count % 11 === 0 ? void response.writeHead(500).end() : answer(response, request, event)
  const endpoint = { id: 'history', url: receiver.url, events: ['message.*', 'group.*'], secrets: [secret] }
  const port = await findFreePort()
  const env = {
    PORT: String(port),
    INTERNAL_PORT: String(await findFreePort()),
    WEBHOOKS: JSON.stringify([endpoint]),
    WEBHOOKS_CA: receiver.ca,
  }
  const api = createApi(`http://127.0.0.1:${port}`)
  let child = startChild(config, env)
  await vi.waitUntil(async () => (await api.get('/v1/jwks').catch(() => undefined))?.status === 200, patient)
  const people = await Promise.all(Array.from({ length: 4 }, () => signUp(api)))
  const userIds = people.map(({ userId }) => userId)
  const conversations = await Promise.all(
    ['a', 'b'].map(async (name) => {
      const { body } = await api.post('/v1/conversations', { name, userIds }, people[0]?.token)
      return (body['summary'] as unknown as { conversationId: string }).conversationId
    }),
  )

  for (let killed = 0; killed < kills; killed++) {
    const history = Array.from({ length: 25 }, () => random(api, people, conversations, Math.random))
    const some = history.slice(0, 5 + Math.floor(Math.random() * 20))
    await Promise.race(some)
    child.child.kill('SIGKILL')
    await child[Symbol.asyncDispose]()
    child = startChild(config, env)
    await Promise.all(history)
  }
  child.child.kill('SIGKILL')
  await child[Symbol.asyncDispose]()

  await using service = await startMessages({
    ...config,
    webhooks: {
      ...config.webhooks,
      endpoints: [endpoint],
      ca: receiver.ca,
      allowedNetworks: ['127.0.0.1', '::1'],
      retryMs: 20,
      requeueAfterMs: 500,
    },
  })
  const entries = await service.ctx.db
    .selectFrom('entry as e')
    .innerJoin('conversation as c', 'c.conversationId', 'e.conversationId')
    .select(['e.conversationId', 'e.seq'])
    .where('c.kind', '<>', 'self')
    .execute()
  const expected = entries.map(({ conversationId, seq }) => `${conversationId}.${seq}`).toSorted()
  expect(expected.length).toBeGreaterThan(kills * 25)
  const takenIds = () => new Set(receiver.taken.map(({ id }) => id))
  // A delivery that a killed worker had in hand is handed out again only when BullMQ takes it for stalled: a
  // minute, and two where its checks fall badly.
  await vi
    .waitUntil(
      () => {
        const taken = takenIds()
        return expected.every((id) => taken.has(id))
      },
      { timeout: 240_000, interval: 200 },
    )
    .catch(() => undefined)
  expect([...takenIds()].toSorted()).toEqual(expected)
  expect(receiver.received.every(({ signed }) => signed)).toBe(true)
}, 400_000)
