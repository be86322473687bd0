import { cutText } from '../cut-text.ts'
import type { AlertPush, Push } from '../provider.ts'
import { secondsLeft } from '../seconds-left.ts'

interface HuaweiMessageOptions {
  badgeClass: string | undefined
  category: 'IM' | 'WORK' | 'none'
}

/** Push Kit: 4096 bytes for the message without its token. */
export const maxMessageBytes = 4_096

/** As long as the other providers keep ours. */
const keptFor = '86400s'

/** The body of a send (Push Kit, "Sending downlink messages", request body). */
export function huaweiMessage(push: Push, options: HuaweiMessageOptions): string {
  switch (push.kind) {
    case 'alert':
      return send(push, alertMessage(push, options))
    case 'withdrawal':
      return send(push, {
        data: JSON.stringify({ withdraw: push.read, gone: push.gone, badge: push.badge }),
        android: { urgency: 'NORMAL', ttl: keptFor },
      })
    case 'call':
      // Data at high urgency starts the app, where Huawei has granted the app that right for calls.
      return send(push, {
        data: JSON.stringify({ action: push.action, call: push.call }),
        android: { urgency: 'HIGH', category: 'VOIP', ttl: `${secondsLeft(push.call.ringUntil)}s` },
      })
  }
}

function send({ token }: Push, message: object): string {
  return JSON.stringify({ validate_only: false, message: { ...message, token: [token.value] } })
}

export function alertMessage(push: AlertPush, options: HuaweiMessageOptions): object {
  const { alert } = push
  // A notification must have a title, also where the user wants no name shown.
  const wantedTitle = alert.title === '' ? alert.body : alert.title
  const whole = alertOf(push, options, wantedTitle, alert.body)
  if (bytesOf(whole) <= maxMessageBytes) return whole
  const title = cutText(wantedTitle, maxTitleBytes)
  const room = maxMessageBytes - bytesOf(alertOf(push, options, title, ''))
  return alertOf(push, options, title, cutText(alert.body, room))
}

// More than any screen shows, and enough is left for the body and the ids.
const maxTitleBytes = 512

function alertOf(
  { conversationId, badge, alert }: AlertPush,
  { badgeClass, category }: HuaweiMessageOptions,
  title: string,
  body: string,
): object {
  return {
    data: JSON.stringify({ conversationId, messageId: alert.messageId, seq: alert.seq, badge }),
    android: {
      ttl: keptFor,
      ...(category === 'none' ? {} : { category }),
      notification: {
        title,
        body,
        // Opens the app, which finds the conversation in `data`.
        click_action: { type: 3 },
        // The same message shown twice, after an answer got lost, is shown once.
        tag: alert.messageId,
        importance: alert.audible ? 'NORMAL' : 'LOW',
        ...(badgeClass ? { badge: { class: badgeClass, set_num: Math.min(badge, maxBadge) } } : {}),
      },
    },
  }
}

const maxBadge = 99

function bytesOf(message: object): number {
  return Buffer.byteLength(JSON.stringify(message))
}
