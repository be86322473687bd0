import { createPublicKey, generateKeyPairSync, type KeyObject, randomUUID } from 'node:crypto'
import { errors, jwtVerify } from 'jose'
import type { Certificate } from './certificates.ts'
import { checkMessage, errorBody, type FcmRefusal } from './fcm-simulator-rules.ts'
import {
  type FaultRule,
  type Http2Simulator,
  type SimulatedAnswer,
  type SimulatedRequest,
  type SimulatorAddress,
  startHttp2Simulator,
} from './http2-simulator.ts'
import { createPushLog, parseJson, type ReceivedPush, shownHeaders } from './push-simulator-log.ts'

/** The part of Google's service account file that a sender needs. */
export interface ServiceAccount {
  type: 'service_account'
  project_id: string
  private_key_id: string
  /** PKCS #8 PEM. */
  private_key: string
  client_email: string
  token_uri: string
}

export interface FcmSimulatorOptions extends SimulatorAddress {
  certificate?: Certificate
  projectId?: string
  faults?: FaultRule
  settingsDelayMs?: number
  /** How many received pushes it remembers, 500 by default. */
  keep?: number
}

export interface FcmSimulator extends Http2Simulator {
  /** Credentials it accepts; `token_uri` leads to itself. */
  serviceAccount: ServiceAccount
  /** Processed messages, oldest first, also those whose answer a fault lost. */
  received(): ReceivedPush[]
  /** How many access tokens it has given out. */
  accessTokens(): number
  unregister(token: string): void
  /** Every access token given out so far is refused from here on. */
  revokeAccessTokens(): void
}

const scope = 'https://www.googleapis.com/auth/firebase.messaging'
const grantType = 'urn:ietf:params:oauth:grant-type:jwt-bearer'
const lifetimeSeconds = 3_599

/** Stands where fcm.googleapis.com and oauth2.googleapis.com stand: both on one origin, over HTTP/2 and TLS. */
export async function startFcmSimulator(options: FcmSimulatorOptions = {}): Promise<FcmSimulator> {
  const projectId = options.projectId ?? 'parley-local'
  const { privateKey, publicKey } = generateKeyPairSync('rsa', {
    modulusLength: 2_048,
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  })
  const verificationKey = createPublicKey(publicKey)
  const issued = new Map<string, number>()
  const unregistered = new Set<string>()
  const log = createPushLog(options.keep ?? 500)
  let accessTokens = 0

  async function grant(request: SimulatedRequest, port: number): Promise<SimulatedAnswer> {
    const form = new URLSearchParams(request.body)
    const valid =
      form.get('grant_type') === grantType &&
      (await isValidAssertion(form.get('assertion') ?? '', verificationKey, account(port)))
    if (!valid) return { status: 400, body: JSON.stringify({ error: 'invalid_grant' }), headers: json }
    const accessToken = randomUUID()
    accessTokens++
    issued.set(accessToken, Date.now() + lifetimeSeconds * 1_000)
    const body = { access_token: accessToken, expires_in: lifetimeSeconds, token_type: 'Bearer' }
    return { status: 200, headers: json, body: JSON.stringify(body) }
  }

  function send(request: SimulatedRequest): SimulatedAnswer {
    const refusal = check(request)
    if (refusal) return { status: refusal.status, headers: json, body: errorBody(refusal) }
    const body = { name: `projects/${projectId}/messages/${randomUUID()}` }
    return { status: 200, headers: json, body: JSON.stringify(body) }
  }

  function check(request: SimulatedRequest): FcmRefusal | undefined {
    const bearer = /^bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1] ?? ''
    if ((issued.get(bearer) ?? 0) < Date.now()) return unauthenticated
    const path = /^\/v1\/projects\/([^/]+)\/messages:send$/.exec(request.path)
    if (!path) return { status: 404, canonical: 'NOT_FOUND', message: 'no such method' }
    if (path[1] !== projectId) return permissionDenied
    const message = checkMessage(request.body)
    if (!('target' in message)) return message
    return unregistered.has(message.target) ? notRegistered : undefined
  }

  const account = (port: number): ServiceAccount => ({
    type: 'service_account',
    project_id: projectId,
    private_key_id: 'local',
    private_key: privateKey,
    client_email: `push@${projectId}.iam.gserviceaccount.com`,
    token_uri: `https://${options.name ?? '127.0.0.1'}:${port}/token`,
  })

  const simulator = await startHttp2Simulator({
    ...options,
    streamLimit: { atFirst: 100, onceTrusted: 100 },
    answer: (request, port) => (request.path === '/token' ? grant(request, port) : send(request)),
    processed(request, { status, body }, answered) {
      if (request.path === '/token') return
      const payload = parseJson(request.body)
      const reason = status === 200 ? undefined : reasonOf(body)
      log.add({
        provider: 'fcm',
        at: new Date().toISOString(),
        token: tokenOf(payload),
        status,
        ...(reason ? { reason } : {}),
        answered,
        headers: shownHeaders(request.headers),
        payload,
        connection: request.connection.number,
      })
    },
  })
  return {
    ...simulator,
    serviceAccount: account(Number(new URL(simulator.url).port)),
    received: log.list,
    accessTokens: () => accessTokens,
    unregister: (token) => void unregistered.add(token),
    revokeAccessTokens: () => issued.clear(),
  }
}

const json = { 'content-type': 'application/json; charset=UTF-8' }

const unauthenticated: FcmRefusal = {
  status: 401,
  canonical: 'UNAUTHENTICATED',
  message: 'Request had invalid authentication credentials.',
}
const permissionDenied: FcmRefusal = {
  status: 403,
  canonical: 'PERMISSION_DENIED',
  message: 'Permission denied on resource project.',
}
const notRegistered: FcmRefusal = {
  status: 404,
  canonical: 'NOT_FOUND',
  message: 'Requested entity was not found.',
  errorCode: 'UNREGISTERED',
}

/** Signed RS256 by the account, for this endpoint and scope, for at most an hour (RFC 7523, Google's server-to-server flow). */
async function isValidAssertion(
  assertion: string,
  publicKey: KeyObject,
  account: ServiceAccount,
): Promise<boolean> {
  try {
    const { payload } = await jwtVerify(assertion, publicKey, {
      algorithms: ['RS256'],
      issuer: account.client_email,
      audience: account.token_uri,
    })
    const lifetime = (payload.exp ?? Number.POSITIVE_INFINITY) - (payload.iat ?? 0)
    return payload['scope'] === scope && lifetime <= 3_600
  } catch (cause) {
    if (cause instanceof errors.JOSEError) return false
    throw cause
  }
}

function tokenOf(payload: unknown): string {
  const message = (payload as { message?: { token?: unknown; fid?: unknown } } | undefined)?.message
  const token = message?.token ?? message?.fid
  return typeof token === 'string' ? token : ''
}

function reasonOf(body: string | undefined): string | undefined {
  const parsed = parseJson(body ?? '') as
    | { error?: { status?: string; details?: { errorCode?: string }[] } }
    | undefined
  return parsed?.error?.details?.find(({ errorCode }) => errorCode)?.errorCode ?? parsed?.error?.status
}
