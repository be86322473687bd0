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
