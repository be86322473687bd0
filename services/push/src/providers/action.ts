/**
 * What to do about a provider's refusal; each provider has a table from its own codes to these.
 * `drop`: the token is dead; since when, if the provider says; `maybeOurs` if a mistake in our configuration brings
 * the same answer. `retry`: later; `pause`: with everything that goes to this set of credentials. `renew`: at once,
 * with a new authorization, a new connection or both. `stop`: our configuration or our mistake, so nothing is tried
 * again; `pause`: the credentials are refused as a whole, so the next push would be too.
 */
export type Action =
  | { class: 'drop'; maybeOurs?: true; since?: Date }
  | { class: 'retry'; afterMs?: number; pause?: true; newConnection?: true }
  | { class: 'renew'; authorization?: true; newConnection?: true }
  | { class: 'stop'; pause?: true }

/** A provider's answer in our words. `reason` is the provider's own code. */
export type Reading =
  | { result: 'accepted'; providerId?: string }
  | { result: 'refused'; reason: string; action: Action }
