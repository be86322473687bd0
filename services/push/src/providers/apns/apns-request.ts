import { uuidFrom } from '@parley/shared/ids'
import type { Http2Request } from '../../http2/request.ts'
import { cutText } from '../cut-text.ts'
import type { AlertPush, CallPush, Push, WithdrawalPush } from '../provider.ts'

/** Apple, "Generating a remote notification": 4 KB for everything but VoIP, which may have 5. */
export const maxPayloadBytes = 4_096

/**
 * How long APNs keeps an alert for a device that is off. A phone that was off for longer finds its messages
 * on opening the app, and a day of old banners would help nobody.
 */
const keptForSeconds = 24 * 60 * 60

interface ApnsRequestOptions {
  topic: string
  providerToken: string
  /** Milliseconds since the epoch. */
  now: number
}

/** "Sending notification requests to APNs": what each kind of push says in headers, beside who sends it and where. */
export function apnsRequest(push: Push, { topic, providerToken, now }: ApnsRequestOptions): Http2Request {
  const { headers, body } = formOf(push, topic, now)
  return {
    method: 'POST',
    path: `/3/device/${push.token.value}`,
    headers: { authorization: `bearer ${providerToken}`, 'apns-id': push.id, ...headers },
    body,
  }
}

function formOf(push: Push, topic: string, now: number) {
  const kept = String(Math.floor(now / 1_000) + keptForSeconds)
  switch (push.kind) {
    case 'alert':
      return {
        headers: {
          'apns-topic': bundleOf(topic),
          'apns-push-type': 'alert',
          'apns-priority': '10',
          'apns-expiration': kept,
          // Of the message alone, so that a push whose fate is unknown replaces its own banner when sent again.
          'apns-collapse-id': collapseId(push.alert.messageId),
        },
        body: alertPayload(push),
      }
    case 'withdrawal':
      return {
        headers: {
          'apns-topic': bundleOf(topic),
          'apns-push-type': 'alert',
          // Spares the battery; a badge may be a moment late.
          'apns-priority': '5',
          'apns-expiration': kept,
          // What names messages is not said again, so no other may replace it.
          ...(push.read.length === 0 && push.gone.length === 0 ? { 'apns-collapse-id': 'withdrawal' } : {}),
        },
        body: withdrawalPayload(push),
      }
    case 'call':
      return push.token.kind === 'apns-voip' ? voipForm(push, topic) : callAlertForm(push, topic)
  }
}

/**
 * Apple, "Responding to VoIP Notifications from PushKit": the app must report a call for each of them, also to
 * end one, so both actions name the same call. Expiration 0: tried once, and not kept.
 */
function voipForm({ action, call }: CallPush, topic: string) {
  return {
    headers: {
      'apns-topic': `${bundleOf(topic)}.voip`,
      'apns-push-type': 'voip',
      'apns-priority': '10',
      'apns-expiration': '0',
    },
    body: JSON.stringify({ aps: {}, action, call }),
  }
}

/**
 * For a device that has no VoIP token: an alert while it rings, taken down by the app when it stops. What shows nothing
 * has to be called `background`, at priority 5.
 */
function callAlertForm({ action, call }: CallPush, topic: string) {
  const rings = action === 'ring'
  return {
    headers: {
      'apns-topic': bundleOf(topic),
      'apns-push-type': rings ? 'alert' : 'background',
      'apns-priority': rings ? '10' : '5',
      'apns-expiration': String(Math.floor(Date.parse(call.ringUntil) / 1_000)),
      'apns-collapse-id': `call:${call.callId}`,
    },
    body: JSON.stringify({
      aps: rings
        ? {
            alert: { title: call.callerName, 'loc-key': `parley.call.${call.media}` },
            sound: 'default',
            'interruption-level': 'time-sensitive',
            'thread-id': call.conversationId,
            'mutable-content': 1,
          }
        : { 'content-available': 1 },
      action,
      call,
    }),
  }
}

/** At most 64 bytes, which the id of a message in a conversation with a long id exceeds. */
function collapseId(messageId: string): string {
  return Buffer.byteLength(messageId) <= 64 ? messageId : uuidFrom(messageId)
}

/** The JSON of an alert, its text cut to what APNs takes. An alert without sound asks for no attention either. */
export function alertPayload({ conversationId, badge, alert }: AlertPush): string {
  const payload = (title: string, body: string) =>
    JSON.stringify({
      aps: {
        alert: title === '' ? { body } : { title, body },
        badge,
        ...(alert.audible ? { sound: 'default' } : {}),
        'interruption-level': alert.audible ? 'active' : 'passive',
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

/**
 * The system sets the badge by itself; the app, woken if the system sees fit, takes down the alerts of what was
 * read (`UNUserNotificationCenter.removeDeliveredNotifications`), which nobody else can.
 */
function withdrawalPayload({ badge, read, gone }: WithdrawalPush): string {
  const ended = gone.length > 0 ? { gone } : {}
  return JSON.stringify({ aps: { badge, 'content-available': 1 }, read, ...ended })
}

/** A VoIP token may be registered with the topic Apple uses for it or with the app's own. */
export function bundleOf(topic: string): string {
  return topic.endsWith('.voip') ? topic.slice(0, -'.voip'.length) : topic
}
