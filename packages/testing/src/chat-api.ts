import { randomUUID } from 'node:crypto'

export interface ApiReply {
  status: number
  // Whatever the route answered; a test says what it expects.
  body: Record<string, never> & {
    error?: { code: string; message: string; retryable: boolean; retryAfterMs?: number }
  }
  headers: Headers
}

/** Plain HTTP with JSON, as an app would speak it. */
export function createApi(baseUrl: string) {
  async function request(
    method: string,
    path: string,
    { token, body }: { token?: string; body?: unknown } = {},
  ): Promise<ApiReply> {
    const response = await fetch(new URL(path, baseUrl), {
      method,
      headers: {
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      redirect: 'manual',
      signal: AbortSignal.timeout(60_000),
    })
    const text = await response.text()
    return {
      status: response.status,
      body: text.startsWith('{') ? JSON.parse(text) : {},
      headers: response.headers,
    }
  }
  return {
    get: (path: string, token?: string) => request('GET', path, token === undefined ? {} : { token }),
    post: (path: string, body: unknown, token?: string) =>
      request('POST', path, { body, ...(token === undefined ? {} : { token }) }),
    put: (path: string, body: unknown, token?: string) =>
      request('PUT', path, { body, ...(token === undefined ? {} : { token }) }),
    patch: (path: string, body: unknown, token?: string) =>
      request('PATCH', path, { body, ...(token === undefined ? {} : { token }) }),
    delete: (path: string, token?: string) => request('DELETE', path, token === undefined ? {} : { token }),
  }
}

export type Api = ReturnType<typeof createApi>

export interface Person {
  userId: string
  password: string
  deviceId: string
  token: string
  refreshToken: string
}

const password = 'correct horse battery'

/** An account with a session on one device. Names differ on every call, so that tests may share a database. */
export async function signUp(
  api: Api,
  name = 'user',
  { displayName }: { displayName?: string } = {},
): Promise<Person> {
  const userId = `${name}-${randomUUID().slice(0, 8)}`
  const created = await api.post('/v1/accounts', {
    userId,
    password,
    ...(displayName ? { displayName } : {}),
  })
  if (created.status !== 201) throw new Error(`account was not created: ${JSON.stringify(created.body)}`)
  return logIn(api, userId)
}

/** A session of somebody who signed up before, on a device that defaults to the same one. */
export async function logIn(api: Api, userId: string, deviceId = 'phone'): Promise<Person> {
  const { status, body } = await api.post('/v1/sessions', {
    userId,
    password,
    device: { id: deviceId, platform: 'ios' },
  })
  if (status !== 201) throw new Error(`log-in failed: ${JSON.stringify(body)}`)
  return {
    userId,
    password,
    deviceId,
    token: body['accessToken'] ?? '',
    refreshToken: body['refreshToken'] ?? '',
  }
}
