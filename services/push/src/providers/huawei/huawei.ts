import { z } from 'zod'
import { readGrant } from '../../credentials/grant.ts'
import { createSharedToken } from '../../credentials/shared-token.ts'
import type { Http2Answer } from '../../http2/request.ts'
import { createHttpsClient, type HttpsRequest } from '../../https/client.ts'
import type { Action, Reading } from '../action.ts'
import { defineProvider } from '../provider-kind.ts'
import { createSender, type Dialect } from '../sender.ts'
import { huaweiMessage } from './huawei-message.ts'

const httpsUrl = z.url({ protocol: /^https$/ })

const Credentials = z.strictObject({
  /** OAuth client id, which AppGallery Connect also calls the app id. */
  appId: z.string().regex(/^\d{1,32}$/),
  clientSecret: z.string().min(1).max(256),
  /** The activity that carries the app's badge; without it no badge is set. */
  badgeClass: z.string().max(256).optional(),
  /** What messages are classified as. Others than those granted to the app are thinned out by Huawei. */
  category: z.enum(['IM', 'WORK', 'none']).default('IM'),
  url: httpsUrl.default('https://push-api.cloud.huawei.com'),
  tokenUrl: httpsUrl.default('https://oauth-login.cloud.huawei.com/oauth2/v3/token'),
  /** PEM of an authority to trust beside the usual ones. */
  ca: z.string().optional(),
})

/**
 * Huawei phones up to HarmonyOS 4, through Push Kit's HTTPS API, version 1 (Huawei, "Sending downlink messages";
 * "OAuth 2.0 client credentials").
 */
export const huawei = defineProvider({
  tokens: ['huawei'],
  credentials: Credentials,
  open({ appId, clientSecret, badgeClass, category, url, tokenUrl, ca }, options) {
    // Neither host promises HTTP/2.
    const client = createHttpsClient({ ca, publicOnly: false })
    const log = options.log.child({ provider: 'huawei' })
    const authorization = createSharedToken({
      redis: options.redis,
      log,
      name: `huawei:${appId}`,
      replaceEveryMs: 60_000,
      async mint() {
        options.minted()
        const form = { grant_type: 'client_credentials', client_id: appId, client_secret: clientSecret }
        const answer = await client.send({
          url: tokenUrl,
          headers: { 'content-type': 'application/x-www-form-urlencoded' },
          body: new URLSearchParams(form).toString(),
        })
        return readGrant('Huawei', answer)
      },
    })
    const dialect: Dialect<HttpsRequest> = {
      compose: (push, accessToken) => ({
        url: `${url}/v1/${appId}/messages:send`,
        headers: { authorization: `Bearer ${accessToken}`, 'content-type': 'application/json;charset=UTF-8' },
        body: huaweiMessage(push, { badgeClass, category }),
      }),
      read: readAnswer,
    }
    return {
      send: createSender({
        dialect,
        transport: client,
        authorization,
        refused: options.refused,
        log,
      }),
      [Symbol.asyncDispose]: () => client[Symbol.asyncDispose](),
    }
  },
})

const stop: Action = { class: 'stop' }
const retry: Action = { class: 'retry' }
const renew: Action = { class: 'renew', authorization: true }
// An app id or a region that we have wrong makes Huawei say this of every token.
const dropIfFew: Action = { class: 'drop', maybeOurs: true }

/** Push Kit, "Sending downlink messages", table of result codes. */
export const huaweiActions: Readonly<Record<string, Action>> = {
  // "Part of the tokens": of the one token we send, it is that one.
  '80100000': dropIfFew,
  '80300007': dropIfFew,
  '80100001': stop,
  '80100003': stop,
  '80100004': stop,
  '80100013': stop,
  '80100016': stop,
  '80100017': retry,
  '80100018': stop,
  '80200001': renew,
  '80200003': renew,
  '80200005': renew,
  // Also said of a token that belongs to another app, so it must not pause what others send.
  '80300002': stop,
  '80300008': stop,
  '80300010': stop,
  '80300011': stop,
  '80300013': stop,
  '80600003': retry,
  '81000001': retry,
}

const Answer = z.object({ code: z.string().max(32), requestId: z.string().max(128).catch('') })

/** The code decides; where there is none, as from a front end, the status does. */
function readAnswer({ status, body }: Http2Answer): Reading {
  const answer = Answer.safeParse(parse(body)).data
  if (answer?.code === '80000000') return { result: 'accepted', providerId: answer.requestId }
  const known = answer && Object.hasOwn(huaweiActions, answer.code) ? huaweiActions[answer.code] : undefined
  return {
    result: 'refused',
    reason: answer?.code ?? `status-${status}`,
    action: known ?? actionForStatus(status),
  }
}

function actionForStatus(status: number): Action {
  if (status === 401) return renew
  // "Flow control": the app's quota of requests a second is used up.
  if (status === 503 || status === 429) return { class: 'retry', afterMs: 5_000, pause: true }
  if (status >= 500) return retry
  return status === 404 ? { class: 'stop', pause: true } : stop
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    return undefined
  }
}
