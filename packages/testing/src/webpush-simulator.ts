import { createECDH, generateKeyPairSync, randomBytes, randomUUID } from 'node:crypto'
import type { Certificate } from './certificates.ts'
import {
  type HttpsSimulator,
  type PlainAnswer,
  type PlainRequest,
  startHttpsSimulator,
} from './https-simulator.ts'
import { createPushLog, parseJson, type ReceivedPush, shownHeaders } from './push-simulator-log.ts'
import { decryptWebPush, type SubscriptionSecrets } from './webpush-decryption.ts'
import { checkPushHeaders, checkVapid } from './webpush-simulator-rules.ts'

/** What a browser hands to its page: `PushSubscription.toJSON()`. */
export interface SimulatedSubscription {
  endpoint: string
  keys: { p256dh: string; auth: string }
}

interface WebPushSimulatorOptions {
  certificate?: Certificate
  port?: number
  name?: string
  /** How many received pushes it remembers, 500 by default. */
  keep?: number
}

export interface WebPushSimulator extends HttpsSimulator {
  /** Makes a subscription as a browser does, for pushes signed with the key of these credentials. */
  subscribe(): SimulatedSubscription
  /** The subscription has ended: 410 from here on. */
  unsubscribe(endpoint: string): void
  /** Processed pushes, decrypted as the browser would, oldest first. */
  received(): ReceivedPush[]
  /** A file of credentials whose key its subscriptions are bound to. */
  credentials: Record<string, unknown>
}

/** Stands where a browser and its push service stand: makes subscriptions, checks what RFC 8030, 8291 and 8292 ask for. */
export async function startWebPushSimulator(
  options: WebPushSimulatorOptions = {},
): Promise<WebPushSimulator> {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const subscriptions = new Map<string, SubscriptionSecrets>()
  const ended = new Set<string>()
  const log = createPushLog(options.keep ?? 500)

  async function answer(request: PlainRequest, port: number): Promise<PlainAnswer> {
    const secrets = subscriptions.get(request.path)
    const audience = `https://${options.name ?? '127.0.0.1'}:${port}`
    const refused =
      (secrets ? undefined : { status: 404 }) ??
      (ended.has(request.path) ? { status: 410 } : undefined) ??
      (await checkVapid(request.headers, { audience, privateKey })) ??
      checkPushHeaders(request)
    const text = secrets && !refused ? decryptWebPush(request.body, secrets) : undefined
    const { status } = refused ?? { status: text === undefined ? 400 : 201 }
    log.add({
      provider: 'webpush',
      at: new Date().toISOString(),
      token: `${audience}${request.path}`,
      status,
      answered: true,
      headers: shownHeaders(request.headers),
      payload: parseJson(text ?? ''),
      connection: 0,
    })
    return { status, ...(status === 201 ? { headers: { location: `/message/${randomUUID()}` } } : {}) }
  }

  const simulator = await startHttpsSimulator({ ...options, answer })
  return {
    ...simulator,
    credentials: {
      provider: 'webpush',
      subject: 'mailto:operator@example.com',
      privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }),
      privateNetwork: true,
      ca: simulator.ca,
    },
    subscribe() {
      const ecdh = createECDH('prime256v1')
      const publicKey = ecdh.generateKeys()
      const auth = randomBytes(16)
      const path = `/push/${randomUUID()}`
      subscriptions.set(path, { ecdh, auth })
      const keys = { p256dh: publicKey.toString('base64url'), auth: auth.toString('base64url') }
      return { endpoint: `${simulator.url}${path}`, keys }
    },
    unsubscribe: (endpoint) => void ended.add(new URL(endpoint).pathname),
    received: log.list,
  }
}
