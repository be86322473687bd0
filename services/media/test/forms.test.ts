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

test('a file in a form may be followed by fields', async ({ post }) => {
  const form = formOf(Buffer.from('hello'), 'text/plain', 'a.txt')
  form.append('caption', 'hello')
  expect((await post(form)).status).toBe(201)
})

const head = '--B\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'

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
