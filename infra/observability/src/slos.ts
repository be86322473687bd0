/** A promise to users in numbers: of all that was asked for in 28 days, what share may go wrong. */
export interface Slo {
  /** Part of the names of what is recorded and of the alerts. */
  name: string
  /** A sentence for whoever is woken. */
  says: string
  /** The share that must go right. */
  objective: number
  /** The share that went wrong, over a window. */
  badRatio: (window: string) => string
  runbook: string
}

const ours = 'internal|unavailable|overloaded|deadline_exceeded'

/** Of what a histogram saw, the share that took longer than one of its bounds. */
const slowerThan = (histogram: string, seconds: number, labels: string) => (window: string) =>
  `1 - (sum(rate(${histogram}_bucket{${[`le="${seconds}"`, labels].filter(Boolean).join(', ')}}[${window}])) ` +
  `/ sum(rate(${histogram}_count${labels ? `{${labels}}` : ''}[${window}])))`

export const slos: Slo[] = [
  {
    name: 'Sends',
    says: 'sends fail for a reason of ours',
    objective: 0.999,
    badRatio: (window) =>
      `(sum(rate(parley_gateway_events_total{event="message:send", outcome=~"${ours}"}[${window}])) or vector(0)) ` +
      `/ sum(rate(parley_gateway_events_total{event="message:send"}[${window}]))`,
    runbook: 'sends-fail',
  },
  {
    name: 'SendLatency',
    says: 'sends wait longer than half a second for their acknowledgement',
    objective: 0.999,
    badRatio: slowerThan('parley_gateway_event_duration_seconds', 0.5, 'event="message:send"'),
    runbook: 'sends-are-slow',
  },
  {
    name: 'Deliveries',
    says: 'entries are written to sockets later than a second after they were stored',
    objective: 0.999,
    badRatio: slowerThan('parley_gateway_delivery_seconds', 1, ''),
    runbook: 'doorbells-are-late',
  },
  {
    name: 'Connects',
    says: 'people who connect wait longer than 3 s',
    objective: 0.999,
    badRatio: slowerThan('parley_gateway_handshake_seconds', 3, ''),
    runbook: 'handshakes-refused',
  },
  {
    name: 'Pushes',
    says: 'pushes reach their provider later than 10 s after the message',
    objective: 0.99,
    badRatio: slowerThan('parley_push_delay_seconds', 10, ''),
    runbook: 'pushes-wait',
  },
  {
    name: 'Media',
    says: 'uploads take longer than 5 s to be made ready',
    objective: 0.995,
    badRatio: slowerThan('parley_media_processing_seconds', 5, ''),
    runbook: 'media-is-slow',
  },
]
