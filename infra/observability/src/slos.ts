/** A promise to users in numbers: of all that was asked for in 28 days, what share may go wrong. */
export interface Slo {
  /** Part of the names of what is recorded and of the alerts. */
  name: string
  /** A sentence for whoever is woken. */
  says: string
  /** The share that must go right. */
  objective: number
  /** How many went wrong, over a window. */
  bad: (window: string) => string
  /** Of how many. */
  all: (window: string) => string
  runbook: string
}

const sends = 'parley_gateway_events_total'
const ours = 'internal|unavailable|overloaded|deadline_exceeded'

/**
 * Of what a histogram saw, what took longer than one of its bounds. Prometheus 3 keeps a whole bound as a float whatever
 * was exposed, 5 as 5.0, and Prometheus 2 as it came (https://prometheus.io/docs/prometheus/latest/migration): both match.
 */
function slowerThan(seconds: number, histogram: string, labels = ''): Pick<Slo, 'bad' | 'all'> {
  const le = Number.isInteger(seconds) ? `le=~"${seconds}([.]0)?"` : `le="${seconds}"`
  const inTime = `${histogram}_bucket{${[le, labels].filter(Boolean).join(', ')}}`
  const all = (window: string) => `sum(increase(${histogram}_count${labels ? `{${labels}}` : ''}[${window}]))`
  return { all, bad: (window) => `(${all(window)} - sum(increase(${inTime}[${window}])))` }
}

export const slos: Slo[] = [
  {
    name: 'Sends',
    says: 'sends fail for a reason of ours',
    objective: 0.999,
    bad: (window) =>
      `(sum(increase(${sends}{event="message:send", outcome=~"${ours}"}[${window}])) or vector(0))`,
    all: (window) => `sum(increase(${sends}{event="message:send"}[${window}]))`,
    runbook: 'sends-fail',
  },
  {
    name: 'SendLatency',
    says: 'sends wait longer than half a second for their acknowledgement',
    objective: 0.999,
    ...slowerThan(0.5, 'parley_gateway_event_duration_seconds', 'event="message:send"'),
    runbook: 'sends-are-slow',
  },
  {
    name: 'Deliveries',
    says: 'entries are written to sockets later than a second after they were stored',
    objective: 0.999,
    ...slowerThan(1, 'parley_gateway_delivery_seconds'),
    runbook: 'doorbells-are-late',
  },
  {
    name: 'Connects',
    says: 'people who connect wait longer than 3 s',
    objective: 0.999,
    ...slowerThan(3, 'parley_gateway_handshake_seconds'),
    runbook: 'handshakes-refused',
  },
  {
    name: 'Pushes',
    says: 'pushes reach their provider later than 10 s after the message',
    objective: 0.99,
    ...slowerThan(10, 'parley_push_delay_seconds'),
    runbook: 'pushes-wait',
  },
  {
    name: 'Media',
    says: 'uploads take longer than 5 s to be made ready',
    objective: 0.995,
    ...slowerThan(5, 'parley_media_processing_seconds'),
    runbook: 'media-is-slow',
  },
]
