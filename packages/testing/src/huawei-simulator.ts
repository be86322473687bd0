import { randomUUID } from 'node:crypto'
import type { Certificate } from './certificates.ts'
import {
  type HttpsSimulator,
  type PlainAnswer,
  type PlainRequest,
  startHttpsSimulator,
} from './https-simulator.ts'
import { createPushLog, parseJson, type ReceivedPush, shownHeaders } from './push-simulator-log.ts'

interface HuaweiSimulatorOptions {
  certificate?: Certificate
  port?: number
  name?: string
  /** How many received pushes it remembers, 500 by default. */
  keep?: number
}

export interface HuaweiSimulator extends HttpsSimulator {
  /** A file of credentials that it accepts. */
  credentials: Record<string, unknown>
  received(): ReceivedPush[]
  /** How many access tokens it has given out. */
  accessTokens(): number
  /** 80300007 for this token from here on. */
  unregister(token: string): void
  /** Every access token given out so far is called expired from here on. */
  expireAccessTokens(): void
}

interface Message {
  data?: unknown
  android?: { ttl?: unknown; urgency?: unknown; collapse_key?: unknown; notification?: Notification }
  token?: unknown
}

interface Notification {
  title?: unknown
  body?: unknown
  click_action?: { type?: unknown }
  importance?: unknown
}

/** Stands where oauth-login.cloud.huawei.com and push-api.cloud.huawei.com stand, both on one origin. */
export async function startHuaweiSimulator(options: HuaweiSimulatorOptions = {}): Promise<HuaweiSimulator> {
  const appId = '100000001'
  const clientSecret = randomUUID()
  const issued = new Map<string, 'good' | 'expired'>()
  const unregistered = new Set<string>()
  const log = createPushLog(options.keep ?? 500)

  function grant({ body }: PlainRequest): PlainAnswer {
    const form = new URLSearchParams(body.toString('utf8'))
    const valid =
      form.get('grant_type') === 'client_credentials' &&
      form.get('client_id') === appId &&
      form.get('client_secret') === clientSecret
    if (!valid) return answer(400, { error: 1101, error_description: 'invalid client' })
    const token = randomUUID()
    issued.set(token, 'good')
    return answer(200, { access_token: token, expires_in: 3_600, token_type: 'Bearer' })
  }

  function send(request: PlainRequest): PlainAnswer {
    const requestId = randomUUID()
    const code = check(request)
    const payload = parseJson(request.body.toString('utf8'))
    const message = (payload as { message?: Message } | undefined)?.message
    const [token] = Array.isArray(message?.token) ? message.token : []
    const status = code === '80000000' ? 200 : code.startsWith('802') ? 401 : 400
    log.add({
      provider: 'huawei',
      at: new Date().toISOString(),
      token: typeof token === 'string' ? token : '',
      status,
      ...(status === 200 ? {} : { reason: code }),
      answered: true,
      headers: shownHeaders(request.headers),
      payload,
      connection: 0,
    })
    return answer(status, { code, msg: code === '80000000' ? 'Success' : 'refused', requestId })
  }

  /** The result code of "Sending downlink messages". */
  function check({ headers, body }: PlainRequest): string {
    const bearer = /^Bearer (.+)$/.exec(headers.authorization ?? '')?.[1] ?? ''
    const known = issued.get(bearer)
    if (!known) return '80200001'
    if (known === 'expired') return '80200003'
    const message = (parseJson(body.toString('utf8')) as { message?: Message } | undefined)?.message
    if (!message || !isWellFormed(message)) return '80100003'
    const { token, ...content } = message
    if (!Array.isArray(token) || token.length === 0 || token.length > 1_000) return '80300010'
    if (Buffer.byteLength(JSON.stringify(content)) > 4_096) return '80300008'
    const illegal = token.filter((one) => typeof one !== 'string' || one.length < 8 || unregistered.has(one))
    if (illegal.length === token.length) return '80300007'
    return illegal.length > 0 ? '80100000' : '80000000'
  }

  const simulator = await startHttpsSimulator({
    ...options,
    answer: (request) => {
      if (request.path === '/oauth2/v3/token') return grant(request)
      return request.path === `/v1/${appId}/messages:send` ? send(request) : { status: 404 }
    },
  })
  return {
    ...simulator,
    credentials: {
      provider: 'huawei',
      appId,
      clientSecret,
      badgeClass: 'dev.parley.app.MainActivity',
      url: simulator.url,
      tokenUrl: `${simulator.url}/oauth2/v3/token`,
      ca: simulator.ca,
    },
    received: log.list,
    accessTokens: () => issued.size,
    unregister: (token) => void unregistered.add(token),
    expireAccessTokens() {
      for (const token of issued.keys()) issued.set(token, 'expired')
    },
  }
}

function isWellFormed({ data, android }: Message): boolean {
  const { ttl = '86400s', urgency = 'NORMAL', collapse_key: group = -1, notification } = android ?? {}
  if (data !== undefined && typeof data !== 'string') return false
  if (!/^\d+s$/.test(String(ttl)) || Number.parseInt(String(ttl), 10) > 1_296_000) return false
  if (urgency !== 'NORMAL' && urgency !== 'HIGH') return false
  if (typeof group !== 'number' || group < -1 || group > 100) return false
  if (!notification) return data !== undefined
  const { title, body, click_action: click, importance = 'NORMAL' } = notification
  const texts = typeof title === 'string' && title !== '' && typeof body === 'string' && body !== ''
  return texts && [1, 2, 3].includes(Number(click?.type)) && (importance === 'NORMAL' || importance === 'LOW')
}

function answer(status: number, body: object): PlainAnswer {
  return { status, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
}
