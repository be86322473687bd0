import { z } from 'zod'
import { EcKey } from '../../credentials/private-key.ts'
import { createHttp2Client } from '../../http2/client.ts'
import { apnsPolicy } from '../../http2/policy.ts'
import type { Http2Answer, Http2Request } from '../../http2/request.ts'
import type { Reading } from '../action.ts'
import { defineProvider } from '../provider-kind.ts'
import type { Push, Verdict } from '../provider.ts'
import { createSender, type Dialect, headerOf } from '../sender.ts'
import { apnsRequest, bundleOf } from './apns-request.ts'
import { createProviderToken } from './provider-token.ts'
import { apnsActionFor } from './reasons.ts'
import { readRefusal } from './refusal.ts'

const hosts = {
  production: 'https://api.push.apple.com',
  sandbox: 'https://api.sandbox.push.apple.com',
}

const Credentials = z.strictObject({
  environment: z.enum(['production', 'sandbox']).default('production'),
  teamId: z.string().min(1).max(64),
  keyId: z.string().min(1).max(64),
  privateKey: EcKey,
  /** For tokens that name none. */
  topic: z.string().max(256).optional(),
  url: z.url({ protocol: /^https$/ }).optional(),
  /** PEM of an authority to trust beside the usual ones. */
  ca: z.string().optional(),
})

// APNs promises hex and no length; anything else would reach into the path.
const deviceToken = /^[0-9a-f]{2,400}$/i
const topicName = /^[A-Za-z0-9][A-Za-z0-9.-]{0,249}$/

/** Apple devices, with one signing key, whose connections it shares with no other. */
export const apns = defineProvider({
  tokens: ['apns', 'apns-voip'],
  credentials: Credentials,
  open({ environment, url = hosts[environment], ca, topic, ...key }, options) {
    const log = options.log.child({ provider: 'apns' })
    const { count, pendingTimeoutMs = apnsPolicy.pendingTimeoutMs } = options
    const policy = { ...apnsPolicy, pendingTimeoutMs }
    const client = createHttp2Client({ origin: url, ca, policy, log, count, warm: options.warm })
    return {
      send: createSender({
        refused: options.refused,
        dialect: apnsDialect(topic),
        transport: client,
        authorization: createProviderToken({ ...options, log, key }),
        log,
      }),
      [Symbol.asyncDispose]: () => client[Symbol.asyncDispose](),
    }
  },
})

function apnsDialect(defaultTopic: string | undefined): Dialect<Http2Request> {
  const topicOf = ({ token }: Push) => token.topic ?? defaultTopic

  return {
    check(push): Verdict | undefined {
      const topic = topicOf(push)
      if (!deviceToken.test(push.token.value)) {
        return { result: 'dropped-token', reason: 'BadDeviceToken', since: new Date().toISOString() }
      }
      // iOS ends an app whose VoIP push rings nothing ("Responding to VoIP Notifications from PushKit").
      if (push.token.kind === 'apns-voip' && push.kind !== 'call') {
        return { result: 'refused', reason: 'calls-alone' }
      }
      if (!topic) return { result: 'refused', reason: 'MissingTopic' }
      return topicName.test(bundleOf(topic)) ? undefined : { result: 'refused', reason: 'BadTopic' }
    },
    compose: (push, providerToken) =>
      apnsRequest(push, { topic: topicOf(push) ?? '', providerToken, now: Date.now() }),
    read: readAnswer,
  }
}

function readAnswer(answer: Http2Answer): Reading {
  if (answer.status === 200) {
    const providerId = headerOf(answer, 'apns-id')
    return { result: 'accepted', ...(providerId === undefined ? {} : { providerId }) }
  }
  const { reason, timestamp } = readRefusal(answer)
  const action = apnsActionFor(answer.status, reason)
  const dated = action.class === 'drop' && timestamp !== undefined
  return { result: 'refused', reason, action: dated ? { ...action, since: new Date(timestamp) } : action }
}
