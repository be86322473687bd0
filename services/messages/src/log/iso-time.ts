let second = Number.NaN
/** Up to the point before the milliseconds. */
let upToSecond = ''

/**
 * The text of `toISOString`, which Date makes anew each time: half of what it takes to make an entry. Nearly all that are asked
 * for one after the other are of one second.
 */
export function isoTime(date: Date): string {
  const ms = date.getTime()
  const itsSecond = Math.floor(ms / 1_000)
  if (itsSecond !== second) {
    upToSecond = date.toISOString().slice(0, -'000Z'.length)
    second = itsSecond
  }
  return `${upToSecond}${String(ms - itsSecond * 1_000).padStart(3, '0')}Z`
}
