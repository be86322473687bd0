import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { decodeProtectedHeader, errors, jwtVerify } from 'jose'
import { type ApnsRefusal, checkHeaders, checkPayload } from './apns-simulator-rules.ts'
import type { Certificate } from './certificates.ts'
import {
  type FaultRule,
  type Http2Simulator,
  type SimulatedAnswer,
  type SimulatedConnection,
  type SimulatedRequest,
  type SimulatorAddress,
  startHttp2Simulator,
} from './http2-simulator.ts'
import { createPushLog, parseJson, type ReceivedPush, shownHeaders } from './push-simulator-log.ts'

/** What Apple's developer pages hand out: a signing key, its id, the team's id. */
export interface ApnsCredentials {
  teamId: string
  keyId: string
  /** PKCS #8 PEM, the content of a .p8 file. */
  privateKey: string
}

export interface ApnsSimulatorOptions extends SimulatorAddress {
  certificate?: Certificate
  /** Whose tokens it accepts; it makes some up if none are given. */
  credentials?: ApnsCredentials
  /** Topics the key may send to; any topic if absent. */
  topics?: string[]
  faults?: FaultRule
  settingsDelayMs?: number
  /** Streams a connection may carry once a request was authorised, 1,000 by default. */
  maxStreams?: number
  /** How many received pushes it remembers, 500 by default. */
  keep?: number
}

export interface ApnsSimulator extends Http2Simulator {
  credentials: ApnsCredentials
  /** Processed requests, oldest first, also those whose answer a fault lost. */
  received(): ReceivedPush[]
  /** Answers 410 for this token, as of then. */
  unregister(token: string, since: Date): void
}

const maxTokenAgeSeconds = 3_600

/** Stands where api.push.apple.com stands: the same protocol and checks, over HTTP/2 and TLS on this machine. */
export async function startApnsSimulator(options: ApnsSimulatorOptions = {}): Promise<ApnsSimulator> {
  const credentials = options.credentials ?? createApnsCredentials()
  const publicKey = createPublicKey(credentials.privateKey)
  const unregistered = new Map<string, number>()
  const log = createPushLog(options.keep ?? 500)

  async function answer(request: SimulatedRequest): Promise<SimulatedAnswer> {
    const id = request.headers['apns-id']?.toString() ?? crypto.randomUUID()
    const refusal = await check(request)
    const trusted = !refusal || (refusal.status !== 403 && refusal.status !== 404 && refusal.status !== 405)
    if (!refusal) return { status: 200, headers: { 'apns-id': id }, trusted }
    const { status, ...body } = refusal
    return { status, headers: { 'apns-id': id }, body: JSON.stringify(body), trusted }
  }

  async function check(request: SimulatedRequest): Promise<ApnsRefusal | undefined> {
    const token = deviceToken(request)
    if (token === undefined) return { status: 404, reason: 'BadPath' }
    if (request.method !== 'POST') return { status: 405, reason: 'MethodNotAllowed' }
    const refused =
      (await checkProviderToken(request, credentials, publicKey)) ??
      (token === '' ? { status: 400, reason: 'MissingDeviceToken' } : undefined) ??
      checkHeaders(request.headers) ??
      checkPayload(request.body, request.headers['apns-push-type']?.toString())
    if (refused) return refused
    const topic = request.headers['apns-topic']?.toString() ?? ''
    if (options.topics && !options.topics.includes(topic)) return { status: 400, reason: 'TopicDisallowed' }
    if (!/^[0-9a-f]{16,200}$/i.test(token)) return { status: 400, reason: 'BadDeviceToken' }
    const timestamp = unregistered.get(token)
    return timestamp === undefined ? undefined : { status: 410, reason: 'Unregistered', timestamp }
  }

  const simulator = await startHttp2Simulator({
    ...options,
    // One stream until a request was authorised, as the real one with token authentication.
    streamLimit: { atFirst: 1, onceTrusted: options.maxStreams ?? 1_000 },
    answer,
    processed(request, { status, body }, answered) {
      const reason = (parseJson(body ?? '') as ApnsRefusal | undefined)?.reason
      log.add({
        provider: 'apns',
        at: new Date().toISOString(),
        token: deviceToken(request) ?? '',
        status,
        ...(reason ? { reason } : {}),
        answered,
        headers: shownHeaders(request.headers),
        payload: parseJson(request.body),
        connection: request.connection.number,
      })
    },
  })
  return {
    ...simulator,
    credentials,
    received: log.list,
    unregister: (token, since) => void unregistered.set(token, since.getTime()),
  }
}

export function createApnsCredentials(): ApnsCredentials {
  const { privateKey } = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  })
  return { teamId: 'TEAM123456', keyId: 'KEY1234567', privateKey }
}

function deviceToken({ path }: SimulatedRequest): string | undefined {
  return /^\/3\/device\/([^/?]*)$/.exec(path)?.[1]
}

async function checkProviderToken(
  { headers, connection }: SimulatedRequest,
  credentials: ApnsCredentials,
  publicKey: KeyObject,
): Promise<ApnsRefusal | undefined> {
  const [scheme, token] = headers.authorization?.split(' ') ?? []
  if (scheme?.toLowerCase() !== 'bearer' || !token) return forbidden('MissingProviderToken')
  // A token seen on this connection costs no second signature check; only its age is looked at again.
  const known = connection.memory.get(token) as number | undefined
  const issuedAt = known ?? (await verify(token, credentials, publicKey, connection))
  if (typeof issuedAt !== 'number') return issuedAt
  connection.memory.set(token, issuedAt)
  return Date.now() / 1_000 - issuedAt > maxTokenAgeSeconds ? forbidden('ExpiredProviderToken') : undefined
}

/** When the token was issued, in seconds, or why it is refused. */
async function verify(
  token: string,
  { teamId, keyId }: ApnsCredentials,
  publicKey: KeyObject,
  { memory }: SimulatedConnection,
): Promise<number | ApnsRefusal> {
  try {
    const header = decodeProtectedHeader(token)
    const first = memory.get('key') ?? header.kid
    if (header.kid !== first) return forbidden('UnrelatedKeyIdInToken')
    if (header.kid !== keyId) return forbidden('InvalidProviderToken')
    const { payload } = await jwtVerify(token, publicKey, { algorithms: ['ES256'], issuer: teamId })
    if (payload.iat === undefined) return forbidden('InvalidProviderToken')
    memory.set('key', header.kid)
    return payload.iat
  } catch (cause) {
    if (cause instanceof errors.JOSEError || cause instanceof TypeError)
      return forbidden('InvalidProviderToken')
    throw cause
  }
}

function forbidden(reason: string): ApnsRefusal {
  return { status: 403, reason }
}
