import { sql } from 'kysely'
import { expect } from 'vitest'
import { test as base } from './fixture.ts'
import { plainPng } from './images.ts'

const test = base.extend('post', ({ service, issuer }) => {
  return async (body: FormData | string, headers: Record<string, string> = {}) => {
    const token = await issuer.sign({ userId: 'ann' })
    const answer = await fetch(`${service.url}/v1/media/files`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, ...headers },
      body,
    })
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> }
  }
})

function formOf(bytes: Buffer, type: string, name = 'beach.png'): FormData {
  const form = new FormData()
  form.append('file', new Blob([new Uint8Array(bytes)], { type }), name)
  return form
}

test('P8: a file in a form is taken in, checked and made fit to show like any other', async ({
  post,
  signIn,
}) => {
  const ann = await signIn('ann')
  const { status, body } = await post(formOf(await plainPng(), 'image/png'))
  expect(status).toBe(201)
  expect(body).toMatchObject({ status: 'processing', contentType: 'image/png', fileName: 'beach.png' })
  expect(await ann.settled(String(body['mediaId']))).toMatchObject({ status: 'ready', width: 40 })
})

test.for([
  {
    what: 'more bytes than allowed',
    bytes: Buffer.alloc(9 * 1024 ** 2),
    type: 'text/plain',
    code: 'too_large',
  },
  { what: 'no bytes', bytes: Buffer.alloc(0), type: 'text/plain', code: 'invalid_request' },
  {
    what: 'a web page called a picture',
    bytes: Buffer.from('<html>'),
    type: 'image/png',
    code: 'unsupported_media',
  },
])('a form with $what is refused with $code', async ({ bytes, type, code }, { post }) => {
  expect((await post(formOf(bytes, type))).body).toMatchObject({ error: { code } })
})

test('a form with two files is refused as a whole, and nothing of it is kept', async ({ post, service }) => {
  const form = formOf(await plainPng(), 'image/png', 'first of two.png')
  form.append('file', new Blob(['hello']), 'second.txt')
  form.append('caption', 'both')
  const { status, body } = await post(form)
  expect(status).toBe(400)
  expect(body).toMatchObject({
    error: { code: 'invalid_request', message: expect.stringContaining('one file') },
  })
  const { rows } = await sql`select 1 from media where file_name = 'first of two.png'`.execute(service.ctx.db)
  expect(rows).toHaveLength(0)
})

const head = '--B\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
const nothing = () => new File([], '')
const many = (count: number) => Array.from({ length: count }, (_, i) => [`field ${i}`, 'hello'] as const)

test.for([
  { what: 'many fields', late: many(60) },
  { what: 'an input that was left empty', late: [['more', nothing()] as const] },
  { what: 'a field of any name', late: [['constructor', 'hello'] as const] },
])('a file in a form may be followed by $what', async ({ late }, { post }) => {
  const form = formOf(Buffer.from('hello'), 'text/plain', 'a.txt')
  for (const [name, value] of late) form.append(name, value)
  const { status, body } = await post(form)
  expect(status).toBe(201)
  expect(body).toMatchObject({ fileName: 'a.txt', sizeBytes: 5 })
})

test.for([
  { what: 'broken', json: '{"a":' },
  { what: 'long', json: JSON.stringify('x'.repeat(2_000)) },
])(
  'a file in a form may be followed by JSON that is $what, as nobody reads it',
  async ({ json }, { post }) => {
    const field = `Content-Disposition: form-data; name="j"\r\nContent-Type: application/json\r\n\r\n${json}`
    const type = { 'content-type': 'multipart/form-data; boundary=B' }
    expect((await post(`${head}hello\r\n--B\r\n${field}\r\n--B--\r\n`, type)).status).toBe(201)
  },
)

test('a file in a form may come behind an input that was left empty', async ({ post }) => {
  const form = new FormData()
  form.append('first', nothing())
  form.append('second', new Blob(['hello']), 'a.txt')
  const { status, body } = await post(form)
  expect(status).toBe(201)
  expect(body).toMatchObject({ fileName: 'a.txt', sizeBytes: 5 })
})

test('a form with more fields than anybody needs is refused with invalid_request', async ({ post }) => {
  const form = formOf(Buffer.from('hello'), 'text/plain', 'a.txt')
  for (const [name, value] of many(65)) form.append(name, value)
  const { status, body } = await post(form)
  expect(status).toBe(400)
  expect(body).toMatchObject({ error: { code: 'invalid_request', message: expect.stringContaining('form') } })
})

test.for([
  {
    what: 'whose file has no name',
    body: '--B\r\nContent-Disposition: form-data; name="file"\r\nContent-Type: application/octet-stream\r\n\r\nhello\r\n--B--\r\n',
  },
  { what: 'that ends before it is closed', body: `${head}hello\r\n` },
  { what: 'that ends in the middle of a large file', body: head + 'x'.repeat(1_000_000) },
  { what: 'that ends in the middle of its head', body: head.slice(0, 30) },
  { what: 'that is none inside', body: 'junk' },
  { what: 'that does not say where its parts end', body: 'hello', boundary: '' },
])('a form $what is refused with invalid_request', async ({ body, boundary = '; boundary=B' }, { post }) => {
  const refused = await post(body, { 'content-type': `multipart/form-data${boundary}` })
  expect(refused.status).toBe(400)
  expect(refused.body).toMatchObject({ error: { code: 'invalid_request', retryable: false } })
})

test('what is no form, or a form without a file, is refused', async ({ post }) => {
  const empty = new FormData()
  empty.append('a', 'b')
  expect((await post(empty)).body).toMatchObject({ error: { code: 'invalid_request' } })
  const text = await post('hello', { 'content-type': 'text/plain' })
  expect(text.status).toBeGreaterThanOrEqual(400)
  expect(text.status).toBeLessThan(500)
})

test('nobody sends a form without a token', async ({ service }) => {
  const body = formOf(await plainPng(), 'image/png')
  expect((await fetch(`${service.url}/v1/media/files`, { method: 'POST', body })).status).toBe(401)
})
