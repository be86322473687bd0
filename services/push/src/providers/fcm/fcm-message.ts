import { cutText } from '../cut-text.ts'
import type { AlertPush, Push, WithdrawalPush } from '../provider.ts'

/** Firebase, `projects.messages`: 4096 bytes for notification and data together. */
export const maxContentBytes = 4_096

/** As long as APNs keeps ours; a phone that was off for longer reads its messages in the app. */
const keptFor = '86400s'

/** The body of a send. */
export function fcmMessage(push: Push): string {
  switch (push.kind) {
    case 'alert':
      return alertMessage(push)
    case 'withdrawal':
      return withdrawalMessage(push)
  }
}

/**
 * It has a `notification` block, which Android shows by itself: an app that has been stopped, or has no code
 * for data messages yet, still alerts. `data` carries what the app needs to open the conversation. High
 * priority is for exactly such messages, those that show something. What is not to be heard goes to the
 * channel `parley-silent`, where the app has made one: since Android 8 the channel decides about sound.
 */
export function alertMessage({ conversationId, token, badge, alert }: AlertPush): string {
  const content = (title: string, body: string) => ({
    notification: title === '' ? { body } : { title, body },
    data: {
      conversationId,
      messageId: alert.messageId,
      seq: String(alert.seq),
      badge: String(badge),
      audible: String(alert.audible),
    },
  })
  const message = ({ notification, data }: ReturnType<typeof content>) =>
    JSON.stringify({
      message: {
        token: token.value,
        notification,
        data,
        android: {
          priority: 'HIGH',
          ttl: keptFor,
          // Messages with a notification are always collapsed while a device is off, all of an app into one
          // unless they have a key; this way each conversation keeps its newest.
          collapse_key: conversationId,
          notification: {
            // The same message shown twice, after an answer got lost, is shown once.
            tag: alert.messageId,
            notification_count: badge,
            ...(alert.audible
              ? { default_sound: true }
              : { channel_id: silentChannel, notification_priority: 'PRIORITY_LOW' }),
          },
        },
      },
    })

  const whole = content(alert.title, alert.body)
  if (bytesOf(whole) <= maxContentBytes) return message(whole)
  const title = cutText(alert.title, maxTitleBytes)
  return message(content(title, cutText(alert.body, maxContentBytes - bytesOf(content(title, '')))))
}

const silentChannel = 'parley-silent'

// More than any screen shows, and enough is left for the body and the ids.
const maxTitleBytes = 512

/** Shows nothing, so it has normal priority; the app takes down what was read by its tags and sets its badge. */
function withdrawalMessage({ token, badge, read, gone }: WithdrawalPush): string {
  const ended = gone.length > 0 ? { gone: JSON.stringify(gone) } : {}
  return JSON.stringify({
    message: {
      token: token.value,
      data: { withdraw: JSON.stringify(read), badge: String(badge), ...ended },
      android: { priority: 'NORMAL', ttl: keptFor, collapse_key: 'withdrawal' },
    },
  })
}

function bytesOf(value: object): number {
  return Buffer.byteLength(JSON.stringify(value))
}
