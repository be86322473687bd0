import { ECDH } from 'node:crypto'
import { createAddressGuard } from '@parley/shared/address-guard'
import { z } from 'zod'
import { VapidKey } from '../../credentials/private-key.ts'
import type { Http2Answer } from '../../http2/request.ts'
import { createHttpsClient, type HttpsRequest } from '../../https/client.ts'
import type { Action, Reading } from '../action.ts'
import { defineProvider } from '../provider-kind.ts'
import type { Push, Verdict } from '../provider.ts'
import { createSender, type Dialect, headerOf } from '../sender.ts'
import { createVapid } from './vapid.ts'
import { webPushRequest } from './webpush-request.ts'

const Credentials = z.strictObject({
  /** RFC 8292, 2.1: where the push service's operator reaches ours. */
  subject: z.union([z.url({ protocol: /^https$/ }), z.string().regex(/^mailto:\S+@\S+$/)]),
  privateKey: VapidKey,
  /** Push services that may be asked, `*.` for all below a name; any if absent. */
  hosts: z
    .array(z.string().regex(/^(\*\.)?[a-z0-9.-]+$/))
    .min(1)
    .max(100)
    .optional(),
  /** Also those with addresses that are not public: for a push service, or a simulator, of the own network. */
  privateNetwork: z.boolean().default(false),
  /** PEM of an authority to trust beside the usual ones. */
  ca: z.string().optional(),
})

/**
 * Browsers, through whichever push service each has chosen (RFC 8030). The endpoint is a URL that a client made
 * up, so nothing but public addresses is ever connected to.
 */
export const webpush = defineProvider({
  tokens: ['webpush'],
  credentials: Credentials,
  open({ subject, privateKey, hosts, privateNetwork, ca }, options) {
    const client = createHttpsClient({ ca, publicOnly: !privateNetwork })
    const vapid = createVapid({ subject, privateKey, minted: options.minted })
    const { mayAsk } = createAddressGuard()
    const allowed = ({ hostname }: URL) =>
      (privateNetwork || mayAsk(hostname)) && (hosts?.some((one) => isHost(hostname, one)) ?? true)
    const dialect: Dialect<HttpsRequest> = {
      check: (push) => check(push, allowed),
      // Clients say where their browsers get pushes.
      peerOf: (push) => new URL(push.token.value).origin,
      compose: async (push) => webPushRequest(push, await vapid.authorizationFor(push.token.value)),
      read: readAnswer,
    }
    return {
      send: createSender({
        dialect,
        transport: client,
        refused: options.refused,
        log: options.log.child({ provider: 'webpush' }),
      }),
      [Symbol.asyncDispose]: () => client[Symbol.asyncDispose](),
    }
  },
})

function isHost(hostname: string, pattern: string): boolean {
  return pattern.startsWith('*.') ? hostname.endsWith(pattern.slice(1)) : hostname === pattern
}

function check(push: Push, allowed: (endpoint: URL) => boolean): Verdict | undefined {
  const { value, keys } = push.token
  // Browsers demand that each push shows something, and end subscriptions that do not.
  if (push.kind === 'withdrawal') return { result: 'refused', reason: 'not-silent' }
  const endpoint = URL.parse(value)
  if (endpoint?.protocol !== 'https:' || endpoint.username || !keys || !isOnCurve(keys.p256dh)) {
    return { result: 'dropped-token', reason: 'BadSubscription', since: new Date().toISOString() }
  }
  return allowed(endpoint) ? undefined : { result: 'refused', reason: 'endpoint-not-allowed' }
}

function isOnCurve(key: string): boolean {
  try {
    return ECDH.convertKey(key, 'prime256v1', 'base64url', 'base64url', 'uncompressed').length > 0
  } catch {
    return false
  }
}

/** RFC 8030, 5 and 7.3; RFC 8292, 2. Nothing pauses the set: one push service must not silence the others. */
function readAnswer(answer: Http2Answer): Reading {
  const { status } = answer
  if (status === 200 || status === 201 || status === 202) {
    const providerId = headerOf(answer, 'location')?.slice(0, 512)
    return { result: 'accepted', ...(providerId === undefined ? {} : { providerId }) }
  }
  return { result: 'refused', reason: `status-${status}`, action: actionFor(status) }
}

function actionFor(status: number): Action {
  if (status === 404 || status === 410) return { class: 'drop' }
  if (status === 429) return { class: 'retry', afterMs: 60_000 }
  if (status === 408 || status >= 500) return { class: 'retry' }
  return { class: 'stop' }
}
