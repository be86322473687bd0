import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import { test, webApp } from './fixture.ts'

test('a web app of another origin uploads, by ticket and by tus, and reads refusals', async ({
  issuer,
  service,
}) => {
  const token = await issuer.sign({ userId: `user-${randomUUID()}`, sessionId: randomUUID() })
  const ask = (path: string, method: string, headers: Record<string, string> = {}, body?: string) =>
    fetch(`${service.url}/v1/media/${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, ...headers, origin: webApp },
      ...(body === undefined ? {} : { body }),
    })
  const allowed = ({ status, headers }: Response) => [status, headers.get('access-control-allow-origin')]
  const asked = {
    'access-control-request-method': 'PATCH',
    'access-control-request-headers': 'authorization,tus-resumable',
  }
  expect(allowed(await ask('tus', 'OPTIONS', asked))).toEqual([204, webApp])

  const json = { 'content-type': 'application/json' }
  const wanted = JSON.stringify({ fileName: 'a.txt', contentType: 'text/plain', sizeBytes: 5 })
  expect(allowed(await ask('uploads', 'POST', json, wanted))).toEqual([201, webApp])
  expect(allowed(await ask('uploads', 'POST', json, '{}'))).toEqual([400, webApp])

  const tus = { 'tus-resumable': '1.0.0' }
  const made = await ask('tus', 'POST', {
    ...tus,
    'upload-length': '5',
    'upload-metadata': `filename ${btoa('a.txt')}`,
  })
  expect(allowed(made)).toEqual([201, webApp])
  expect(made.headers.get('access-control-expose-headers')?.toLowerCase()).toContain('location')
  const wrong = await fetch(new URL(made.headers.get('location') ?? '', service.url), {
    method: 'PATCH',
    headers: {
      ...tus,
      authorization: `Bearer ${token}`,
      origin: webApp,
      'content-type': 'application/offset+octet-stream',
      'upload-offset': '3',
    },
    body: 'lo',
  })
  expect(allowed(wrong)).toEqual([409, webApp])

  const elsewhere = await fetch(`${service.url}/v1/media/uploads`, {
    method: 'POST',
    headers: { origin: 'https://evil.example', authorization: `Bearer ${token}`, ...json },
    body: wanted,
  })
  expect(allowed(elsewhere)).toEqual([201, null])
})
