import { cutText } from '../cut-text.ts'
import type { AlertPush, CallPush, Push, WithdrawalPush } from '../provider.ts'
import { secondsLeft } from '../seconds-left.ts'

/** Firebase, `projects.messages`: 4096 bytes for notification and data together. */
export const maxContentBytes = 4_096

/** As long as APNs keeps ours; a phone that was off for longer reads its messages in the app. */
const keptFor = '86400s'

/** Android shows what is in `notification` by itself; with `data` alone the app makes the notification. */
export type AlertForm = 'notification' | 'data'

/** The body of a send. */
export function fcmMessage(push: Push, form: AlertForm): string {
  switch (push.kind) {
    case 'alert':
      return alertMessage(push, form)
    case 'withdrawal':
      return withdrawalMessage(push)
    case 'call':
      return callMessage(push)
  }
}

/** An installation id takes the place of the registration token (Firebase, REST `projects.messages`, `fid`). */
function target({ kind, value }: Push['token']) {
  return kind === 'fcm-fid' ? { fid: value } : { token: value }
}

/**
 * It has a `notification` block, which Android shows by itself: an app that has been stopped, or has no code
 * for data messages yet, still alerts. `data` carries what the app needs to open the conversation. High
 * priority is for exactly such messages, those that show something. What is not to be heard goes to the
 * channel `parley-silent`, where the app has made one: since Android 8 the channel decides about sound.
 */
export function alertMessage(
  { conversationId, token, badge, alert }: AlertPush,
  form: AlertForm = 'notification',
): string {
  const content = (title: string, body: string) => ({
    ...(form === 'notification' ? { notification: title === '' ? { body } : { title, body } } : {}),
    data: {
      ...(form === 'data' ? { title, body } : {}),
      conversationId,
      messageId: alert.messageId,
      seq: String(alert.seq),
      badge: String(badge),
      audible: String(alert.audible),
    },
  })
  const message = (content: object) =>
    JSON.stringify({
      message: {
        ...target(token),
        ...content,
        android: {
          priority: 'HIGH',
          ttl: keptFor,
          // No collapse key: of a device that is off FCM keeps four, and nobody knows which; where there is a
          // notification it heeds none, and keeps the newest (Firebase, "Non-collapsible and collapsible messages").
          ...(form === 'notification' ? { notification: androidNotification(alert, badge) } : {}),
        },
      },
    })

  const whole = content(alert.title, alert.body)
  if (bytesOf(whole) <= maxContentBytes) return message(whole)
  const title = cutText(alert.title, maxTitleBytes)
  return message(content(title, cutText(alert.body, maxContentBytes - bytesOf(content(title, '')))))
}

function androidNotification({ messageId, audible }: AlertPush['alert'], badge: number) {
  return {
    // The same message shown twice, after an answer got lost, is shown once.
    tag: messageId,
    notification_count: badge,
    ...(audible
      ? { default_sound: true }
      : { channel_id: silentChannel, notification_priority: 'PRIORITY_LOW' }),
  }
}

const silentChannel = 'parley-silent'

// More than any screen shows, and enough is left for the body and the ids.
const maxTitleBytes = 512

/**
 * Shows nothing, so it has normal priority; the app takes down what was read by its tags and sets its badge. Only
 * one that says no more than the badge may be replaced: what another names is not said again.
 */
function withdrawalMessage({ token, badge, read, gone }: WithdrawalPush): string {
  const ended = gone.length > 0 ? { gone: JSON.stringify(gone) } : {}
  const collapses = read.length === 0 && gone.length === 0
  return JSON.stringify({
    message: {
      ...target(token),
      data: { withdraw: JSON.stringify(read), badge: String(badge), ...ended },
      android: { priority: 'NORMAL', ttl: keptFor, ...(collapses ? { collapse_key: 'withdrawal' } : {}) },
    },
  })
}

/** Data alone, so that the app's code runs and rings; no longer kept than it rings, and collapsed with nothing. */
function callMessage({ token, action, call }: CallPush): string {
  return JSON.stringify({
    message: {
      ...target(token),
      data: { action, call: JSON.stringify(call) },
      android: { priority: 'HIGH', ttl: `${secondsLeft(call.ringUntil)}s` },
    },
  })
}

function bytesOf(value: object): number {
  return Buffer.byteLength(JSON.stringify(value))
}
