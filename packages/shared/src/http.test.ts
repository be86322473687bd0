import { pino } from 'pino'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { AppError } from './errors.ts'
import { createHttpApp } from './http.ts'

const app = createHttpApp(pino({ level: 'silent' }))
app.post(
  '/echo',
  { bodyLimit: 64, schema: { body: z.object({ n: z.int() }) } },
  async (request) => request.body,
)
app.post('/any', async (request) => request.body ?? {})
app.get('/boom', async () => {
  throw new Error('secret detail')
})
app.get('/mine', async () => {
  throw new AppError('rate_limited', 'not so fast', { retryAfterMs: 1_500 })
})

const post = (payload: string, url = '/echo', type = 'application/json') =>
  app.inject({ method: 'POST', url, headers: { 'content-type': type }, payload })

test.for([
  ['a field of the wrong type', () => post('{"n":"x"}'), 400, 'invalid_request'],
  ['a body that is not JSON', () => post('{'), 400, 'invalid_request'],
  ['a body over the limit', () => post(JSON.stringify({ n: 1, pad: 'x'.repeat(100) })), 413, 'too_large'],
  [
    'a type of body it does not read',
    () => post('<n/>', '/echo', 'application/xml'),
    415,
    'unsupported_media',
  ],
  [
    'JSON five thousand deep',
    () => post('['.repeat(5_000) + ']'.repeat(5_000), '/any'),
    400,
    'payload_too_deep',
  ],
  ['NUL in a text', () => post('{"a":"\\u0000"}', '/any'), 400, 'invalid_request'],
  ['a key that reaches for prototypes', () => post('{"__proto__":{"a":1}}', '/any'), 400, 'invalid_request'],
  ['an error of our own', () => app.inject('/mine'), 429, 'rate_limited'],
  ['a route that does not exist', () => app.inject('/nowhere'), 404, 'not_found'],
  ['a defect', () => app.inject('/boom'), 500, 'internal'],
] as const)(
  '%s is answered with its status and code, and no detail of ours',
  async ([, send, status, code]) => {
    const response = await send()
    expect(response.statusCode).toBe(status)
    expect(response.json()).toMatchObject({ error: { code, retryable: expect.any(Boolean) } })
    expect(response.body).not.toContain('secret')
  },
)

test('a wait that is asked for is in the header too, in whole seconds', async () => {
  expect((await app.inject('/mine')).headers['retry-after']).toBe('2')
})

const webApp = 'https://chat.example'
const open = createHttpApp(pino({ level: 'silent' }), { allowedOrigins: [webApp, 'capacitor://localhost'] })
open.get('/mine', async () => {
  throw new AppError('rate_limited', 'not so fast', { retryAfterMs: 1_500 })
})

const from = (origin: string, url = '/mine', method: 'GET' | 'OPTIONS' = 'GET', headers: object = {}) =>
  open.inject({ method, url, headers: { origin, ...headers } })

test.for([webApp, 'capacitor://localhost'])('a web app of %s reads answers, refusals too', async (origin) => {
  for (const [url, status] of [
    ['/mine', 429],
    ['/nowhere', 404],
  ] as const) {
    const answer = await from(origin, url)
    expect(answer.statusCode).toBe(status)
    expect(answer.headers).toMatchObject({ 'access-control-allow-origin': origin, vary: 'Origin' })
    expect(answer.headers['access-control-expose-headers']).toContain('retry-after')
    expect(answer.headers).not.toHaveProperty('access-control-allow-credentials')
  }
})

test('a preflight is answered before anything else, and kept for two hours', async () => {
  const asked = { 'access-control-request-method': 'PUT', 'access-control-request-headers': 'authorization' }
  const preflight = await from(webApp, '/mine', 'OPTIONS', asked)
  expect(preflight.statusCode).toBe(204)
  expect(preflight.headers).toMatchObject({
    'access-control-allow-origin': webApp,
    'access-control-allow-headers': 'authorization',
    'access-control-max-age': '7200',
  })
  expect(preflight.headers['access-control-allow-methods']).toContain('PUT')
})

test.for(['https://evil.example', 'https://chat.example.evil.example', 'http://chat.example', 'null'])(
  'P9 the origin %s is told nothing of what may be asked',
  async (origin) => {
    const asked = { 'access-control-request-method': 'GET' }
    for (const answer of [await from(origin), await from(origin, '/mine', 'OPTIONS', asked)])
      expect(Object.keys(answer.headers).filter((name) => name.startsWith('access-control'))).toEqual([])
  },
)
