import { signUp } from '@parley/testing/chat-api'
import { expect } from 'vitest'
import { test, webApp } from './fixture.ts'

test('a web app of another origin logs in and reads why it may not', async ({ api, service }) => {
  const { userId, password } = await signUp(api)
  const logIn = (origin: string, given = password) =>
    fetch(`${service.url}/v1/sessions`, {
      method: 'POST',
      headers: { origin, 'content-type': 'application/json' },
      body: JSON.stringify({ userId, password: given, device: { id: 'browser', platform: 'web' } }),
    })
  const preflight = await fetch(`${service.url}/v1/sessions`, {
    method: 'OPTIONS',
    headers: {
      origin: webApp,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'content-type',
    },
  })
  expect([preflight.status, preflight.headers.get('access-control-allow-headers')]).toEqual([
    204,
    'content-type',
  ])
  for (const [answer, status] of [
    [await logIn(webApp), 201],
    [await logIn(webApp, 'not the password'), 401],
  ] as const) {
    expect(answer.status).toBe(status)
    expect(answer.headers.get('access-control-allow-origin')).toBe(webApp)
  }
  const elsewhere = await logIn('https://evil.example')
  expect(elsewhere.headers.get('access-control-allow-origin')).toBeNull()
})
