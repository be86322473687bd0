import { z } from 'zod'
import { RsaKey } from '../../credentials/private-key.ts'
import { createHttp2Client } from '../../http2/client.ts'
import { fcmPolicy } from '../../http2/policy.ts'
import type { Http2Answer, Http2Request } from '../../http2/request.ts'
import type { Action, Reading } from '../action.ts'
import { defineProvider } from '../provider-kind.ts'
import { retryAfterMs } from '../retry-after.ts'
import { createSender, type Dialect, headerOf } from '../sender.ts'
import { createAccessToken, type FcmAccount } from './access-token.ts'
import { fcmActionFor, readFcmRefusal } from './errors.ts'
import { fcmMessage } from './fcm-message.ts'

const httpsUrl = z.url({ protocol: /^https$/ })

const Credentials = z.strictObject({
  /** The file Google gives out, as it is. */
  serviceAccount: z.object({
    project_id: z.string().min(1),
    client_email: z.string().min(1),
    private_key: RsaKey,
    private_key_id: z.string().optional(),
    token_uri: httpsUrl.default('https://oauth2.googleapis.com/token'),
  }),
  /** Who makes the notification: Android from the message, or the app from data. */
  alerts: z.enum(['notification', 'data']).default('notification'),
  url: httpsUrl.default('https://fcm.googleapis.com'),
  /** PEM of an authority to trust beside the usual ones. */
  ca: z.string().optional(),
})

/** Android and whatever else Firebase reaches, through FCM's HTTP v1 API (Firebase, REST `projects.messages`). */
export const fcm = defineProvider({
  tokens: ['fcm', 'fcm-fid'],
  credentials: Credentials,
  open({ serviceAccount, alerts, url, ca }, options) {
    const log = options.log.child({ provider: 'fcm' })
    const { count, pendingTimeoutMs = fcmPolicy.pendingTimeoutMs } = options
    const policy = { ...fcmPolicy, pendingTimeoutMs }
    const connection = { ca, policy, log, count }
    const client = createHttp2Client({ ...connection, origin: url, warm: options.warm })
    const oauth = createHttp2Client({
      ...connection,
      origin: new URL(serviceAccount.token_uri).origin,
      policy: { ...policy, maxConnections: 1 },
    })
    const account: FcmAccount = {
      clientEmail: serviceAccount.client_email,
      privateKeyId: serviceAccount.private_key_id,
      privateKey: serviceAccount.private_key,
      tokenUrl: serviceAccount.token_uri,
    }
    const path = `/v1/projects/${encodeURIComponent(serviceAccount.project_id)}/messages:send`
    const dialect: Dialect<Http2Request> = {
      compose: (push, accessToken) => ({
        method: 'POST',
        path,
        headers: { authorization: `Bearer ${accessToken}`, 'content-type': 'application/json' },
        body: fcmMessage(push, alerts),
      }),
      read: readAnswer,
    }
    return {
      send: createSender({
        refused: options.refused,
        dialect,
        transport: client,
        authorization: createAccessToken({ ...options, log, client: oauth, account }),
        log,
      }),
      async [Symbol.asyncDispose]() {
        // Those under way may still need a token.
        await client[Symbol.asyncDispose]()
        await oauth[Symbol.asyncDispose]()
      },
    }
  },
})

function readAnswer(answer: Http2Answer): Reading {
  if (answer.status === 200) {
    const providerId = messageNameOf(answer.body)
    return { result: 'accepted', ...(providerId === undefined ? {} : { providerId }) }
  }
  const refusal = readFcmRefusal(answer.status, answer.body)
  const action = fcmActionFor(answer.status, refusal)
  return { result: 'refused', reason: refusal.reason, action: heedRetryAfter(action, answer) }
}

/** Who is asked to wait by name waits with everything: quotas are the project's (Firebase, "Handle retries"). */
function heedRetryAfter(action: Action, answer: Http2Answer): Action {
  const asked = retryAfterMs(headerOf(answer, 'retry-after')) !== undefined
  return action.class === 'retry' && asked ? { ...action, pause: true } : action
}

const Sent = z.object({ name: z.string().max(512) })

/** `projects/…/messages/…`: what Firebase calls the message. */
function messageNameOf(body: string): string | undefined {
  try {
    return Sent.parse(JSON.parse(body)).name
  } catch {
    return undefined
  }
}
