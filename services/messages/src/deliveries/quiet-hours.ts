export interface QuietHours {
  /** `HH:MM`; the night may lie between. */
  from: string
  until: string
  /** IANA. */
  timeZone: string
}

const clocks = new Map<string, Intl.DateTimeFormat>()

/** Whether a moment lies in the hours somebody does not want to be disturbed, by the clock on their wall. */
export function isQuiet({ from, until, timeZone }: QuietHours, at: Date = new Date()): boolean {
  const now = clockOf(timeZone).format(at)
  return from <= until ? from <= now && now < until : from <= now || now < until
}

/** The name of a time zone in the one spelling we keep; undefined if there is none such. */
export function canonicalTimeZone(name: string): string | undefined {
  try {
    return new Intl.DateTimeFormat('en-GB', { timeZone: name }).resolvedOptions().timeZone
  } catch {
    return undefined
  }
}

// Making one costs more than using it; there are a few hundred zones.
function clockOf(timeZone: string): Intl.DateTimeFormat {
  let clock = clocks.get(timeZone)
  if (!clock) {
    clock = new Intl.DateTimeFormat('en-GB', {
      hour: '2-digit',
      minute: '2-digit',
      hourCycle: 'h23',
      timeZone,
    })
    clocks.set(timeZone, clock)
  }
  return clock
}
