/** Of one user. */
export const limits = {
  contacts: 5_000,
  /** Requests that wait for an answer. */
  received: 1_000,
  requested: 1_000,
  blocked: 2_000,
  /** Relations of any kind, ended ones included: a roster's pull tells of those too. */
  relations: 20_000,
  /** People one user asks within an hour. */
  requestsPerHour: 60,
} as const
