import { createECDH, hash } from 'node:crypto'
import { encrypt } from 'http_ece'
import type { HttpsRequest } from '../../https/client.ts'
import { cutText } from '../cut-text.ts'
import type { AlertPush, Push } from '../provider.ts'
import { secondsLeft } from '../seconds-left.ts'

/** RFC 8291, 4: of the 4096 bytes every push service takes, a header, a tag and a delimiter take 103. */
export const maxTextBytes = 3_993

/** As long as APNs and FCM keep ours. */
const keptForSeconds = 24 * 60 * 60

/** RFC 8030, 5: encrypted to the browser, with how long, how urgently and in whose place it is to be kept. */
export function webPushRequest(push: Push, authorization: string): HttpsRequest {
  const { text, ttlSeconds, urgency, topic } = formOf(push)
  return {
    url: push.token.value,
    headers: {
      authorization,
      ttl: String(ttlSeconds),
      urgency,
      topic,
      'content-encoding': 'aes128gcm',
      'content-type': 'application/octet-stream',
    },
    body: encryptFor(push.token.keys ?? { p256dh: '', auth: '' }, text),
  }
}

function formOf(push: Push) {
  switch (push.kind) {
    case 'alert':
      return {
        text: alertText(push),
        ttlSeconds: keptForSeconds,
        urgency: push.alert.audible ? 'high' : 'normal',
        // While the browser is away each conversation keeps its newest.
        topic: topicOf(push.conversationId),
      }
    case 'call':
      return {
        text: JSON.stringify({ kind: 'call', action: push.action, call: push.call }),
        ttlSeconds: secondsLeft(push.call.ringUntil),
        urgency: 'high',
        topic: topicOf(push.call.callId),
      }
    case 'withdrawal':
      throw new TypeError('a browser is sent nothing silent')
  }
}

/** What the service worker gets, its texts cut to what a payload holds. */
export function alertText({ conversationId, badge, alert }: AlertPush): string {
  const { messageId, seq, audible } = alert
  const text = (title: string, body: string) =>
    JSON.stringify({ kind: 'alert', title, body, badge, audible, conversationId, messageId, seq })
  const whole = text(alert.title, alert.body)
  if (Buffer.byteLength(whole) <= maxTextBytes) return whole
  const title = cutText(alert.title, maxTitleBytes)
  return text(title, cutText(alert.body, maxTextBytes - Buffer.byteLength(text(title, ''))))
}

// More than any screen shows, and enough is left for the body and the ids.
const maxTitleBytes = 512

/** RFC 8030, 5.4: at most 32 characters of base64url. */
function topicOf(name: string): string {
  return hash('sha256', name, 'base64url').slice(0, 32)
}

/** RFC 8291, with a key pair used once. */
function encryptFor({ p256dh, auth }: { p256dh: string; auth: string }, text: string): Buffer {
  const privateKey = createECDH('prime256v1')
  privateKey.generateKeys()
  return encrypt(Buffer.from(text), { version: 'aes128gcm', dh: p256dh, privateKey, authSecret: auth })
}
