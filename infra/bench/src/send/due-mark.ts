const sign = '@'
const zero = 0x30

/** What makes a message one of a kind and says when it was due, as part of its `clientMessageId`. `dueAt` is in milliseconds. */
export const dueMark = (n: number, dueAt: number) => `${n}${sign}${Math.round(dueAt * 1_000)}`

/** When the message of an event was due, in milliseconds; undefined for an event without a mark. */
export function dueOf(eventText: string): number | undefined {
  const at = eventText.indexOf(sign)
  if (at < 0) return undefined
  let us = 0
  for (let i = at + 1; i < eventText.length; i++) {
    const digit = eventText.charCodeAt(i) - zero
    if (digit < 0 || digit > 9) break
    us = us * 10 + digit
  }
  return us / 1_000
}
