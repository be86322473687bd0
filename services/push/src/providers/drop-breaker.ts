const windowMs = 10 * 60_000
/** So many may always be dropped. */
const always = 10
/** Above that, as long as they are few among what is accepted. */
const share = 0.1

/**
 * Keeps a mistake of ours from costing every user their token. A topic or environment that is configured wrong
 * makes a provider call all tokens bad; then most of what is sent is refused for the token, which in good
 * times happens to few. Counted over windows of ten minutes, this one and the one before it.
 */
export function createDropBreaker(now: () => number = Date.now) {
  let startedAt = now()
  let current = { accepted: 0, drops: 0 }
  let previous = { accepted: 0, drops: 0 }

  function turn(): void {
    const windows = Math.floor((now() - startedAt) / windowMs)
    if (windows === 0) return
    previous = windows === 1 ? current : { accepted: 0, drops: 0 }
    current = { accepted: 0, drops: 0 }
    startedAt += windows * windowMs
  }

  return {
    accepted(): void {
      turn()
      current.accepted++
    },
    /** Whether a token that was just called bad may be dropped. If not, it is to be kept and tried again. */
    mayDrop(): boolean {
      turn()
      const accepted = current.accepted + previous.accepted
      if (current.drops + previous.drops >= Math.max(always, accepted * share)) return false
      current.drops++
      return true
    },
  }
}
