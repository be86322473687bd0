import { sql } from 'kysely'

/**
 * Of a member `m` of `c`: whether they have hidden the conversation and it has shown nothing new since. The number says so:
 * a message that was under way while it was hidden has a time from before that, and brings it back all the same. An instance
 * of the release before hides by time alone, after that of what is shown; this one writes that same time beside the number.
 */
export const isOffList = sql<boolean>`(
  m.hidden_at is not null and (coalesce(m.hidden_seq >= c.shown_seq, false) or m.hidden_at > c.last_at))`
