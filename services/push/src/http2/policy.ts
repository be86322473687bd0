/** How a provider wants its connections treated. Times in milliseconds. */
export interface ConnectionPolicy {
  /** Connections open at once; a further one is opened only when all others are full. */
  maxConnections: number
  /** Streams in flight on one connection, if the peer's SETTINGS allow as many. */
  maxStreams: number
  /** Requests that wait for a stream; one more is answered `overloaded`. */
  maxPending: number
  /** Until TLS stands and the peer's SETTINGS have arrived. */
  connectTimeoutMs: number
  /** From sending a request to its answer. */
  requestTimeoutMs: number
  /** From handing a request in to giving it up unsent. */
  pendingTimeoutMs: number
  /** An idle connection is closed after so long. */
  idleCloseMs: number
  /** Idle connections are pinged, because only a ping sees that the path is gone before the next push does. */
  ping?: { afterIdleMs: number; limitMs: number }
}

const shared = {
  maxStreams: 1_000,
  maxPending: 10_000,
  connectTimeoutMs: 5_000,
  requestTimeoutMs: 10_000,
  pendingTimeoutMs: 10_000,
}

/** Apple asks to keep connections open and warns of churn ("Sending notification requests to APNs"). */
export const apnsPolicy: ConnectionPolicy = {
  ...shared,
  maxConnections: 2,
  idleCloseMs: 30 * 60_000,
  ping: { afterIdleMs: 60_000, limitMs: 5_000 },
}

/**
 * FCM answers pings of an idle connection with GOAWAY `too_many_pings`, ends it after 4 minutes without a
 * request, and allows 100 streams on each; so it is never pinged, closed a little earlier, and has company.
 */
export const fcmPolicy: ConnectionPolicy = { ...shared, maxConnections: 4, idleCloseMs: 200_000 }
