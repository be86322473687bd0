import { uuidFrom } from '@parley/shared/ids'
import type { Http2Request } from '../../http2/request.ts'
import { cutText } from '../cut-text.ts'
import type { AlertPush } from '../provider.ts'

/** Apple, "Generating a remote notification": 4 KB for everything but VoIP. */
export const maxPayloadBytes = 4_096

/**
 * How long APNs keeps an alert for a device that is off. A phone that was off for longer finds its messages
 * on opening the app, and a day of old banners would help nobody.
 */
const keptForSeconds = 24 * 60 * 60

interface AlertRequestOptions {
  topic: string
  providerToken: string
  /** Milliseconds since the epoch. */
  now: number
}

/**
 * "Sending notification requests to APNs": id and collapse id depend on the message alone, so a push whose
 * fate is unknown replaces its own banner when it is sent again.
 */
export function alertRequest(
  push: AlertPush,
  { topic, providerToken, now }: AlertRequestOptions,
): Http2Request {
  return {
    method: 'POST',
    path: `/3/device/${push.token.value}`,
    headers: {
      authorization: `bearer ${providerToken}`,
      'apns-id': push.id,
      'apns-topic': topic,
      'apns-push-type': 'alert',
      'apns-priority': '10',
      'apns-expiration': String(Math.floor(now / 1_000) + keptForSeconds),
      'apns-collapse-id': collapseId(push.alert.messageId),
    },
    body: alertPayload(push),
  }
}

/** At most 64 bytes, which the id of a message in a conversation with a long id exceeds. */
function collapseId(messageId: string): string {
  return Buffer.byteLength(messageId) <= 64 ? messageId : uuidFrom(messageId)
}

/** The JSON of an alert, its text cut to what APNs takes. */
export function alertPayload({ conversationId, badge, alert }: AlertPush): string {
  const payload = (title: string, body: string) =>
    JSON.stringify({
      aps: {
        alert: { title, body },
        badge,
        sound: 'default',
        'thread-id': conversationId,
        // Lets the app's notification service extension fetch, decrypt or restyle it.
        'mutable-content': 1,
      },
      conversationId,
      messageId: alert.messageId,
      seq: alert.seq,
    })
  const whole = payload(alert.title, alert.body)
  if (Buffer.byteLength(whole) <= maxPayloadBytes) return whole
  const title = cutText(alert.title, maxTitleBytes)
  return payload(title, cutText(alert.body, maxPayloadBytes - Buffer.byteLength(payload(title, ''))))
}

// More than any screen shows, and enough is left for the body and the ids.
const maxTitleBytes = 512
