import { cutText } from '../cut-text.ts'
import type { AlertPush } from '../provider.ts'

/** Firebase, `projects.messages`: 4096 bytes for notification and data together. */
export const maxContentBytes = 4_096

/** As long as APNs keeps ours; a phone that was off for longer reads its messages in the app. */
const keptFor = '86400s'

/**
 * The body of a send. It has a `notification` block, which Android shows by itself: an app that has been
 * stopped, or has no code for data messages yet, still alerts. `data` carries what the app needs to open the
 * conversation. High priority is for exactly such messages, those that show something.
 */
export function alertMessage({ conversationId, token, badge, alert }: AlertPush): string {
  const content = (title: string, body: string) => ({
    notification: { title, body },
    data: {
      conversationId,
      messageId: alert.messageId,
      seq: String(alert.seq),
      badge: String(badge),
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
          // The same message shown twice, after an answer got lost, is shown once.
          notification: { tag: alert.messageId, notification_count: badge },
        },
      },
    })

  const whole = content(alert.title, alert.body)
  if (bytesOf(whole) <= maxContentBytes) return message(whole)
  const title = cutText(alert.title, maxTitleBytes)
  return message(content(title, cutText(alert.body, maxContentBytes - bytesOf(content(title, '')))))
}

// More than any screen shows, and enough is left for the body and the ids.
const maxTitleBytes = 512

function bytesOf(value: object): number {
  return Buffer.byteLength(JSON.stringify(value))
}
