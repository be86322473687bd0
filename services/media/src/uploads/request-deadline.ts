/** From the first byte of a request to its last; a phone takes longer for 50 MB than Node's 30 s. What is silent for a minute ends before that. */
export const requestDeadlineMs = 15 * 60_000
