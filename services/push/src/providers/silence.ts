const silentAfterMs = 3_000
const maxPeers = 1_000

interface Peer {
  /** Requests that wait for its answer. */
  waiting: number
  /** When it answered last, or was asked first with nothing else waiting. */
  heardAt: number
  /** One has waited in vain. */
  isLost: boolean
}

/**
 * Notices who has fallen silent: something waits for an answer, and for three seconds none has come to anything. Jobs
 * are few and each waits for all of its pushes, so one provider that hangs would keep all of them from the others. A
 * silent one is asked one thing at a time, once what waits has ended, until it answers. One that is slow and answers is not silent.
 */
export function createSilence(now: () => number = Date.now) {
  const peers = new Map<string, Peer>()

  function enter(name: string): Peer {
    const peer = peers.get(name) ?? { waiting: 0, heardAt: now(), isLost: false }
    if (peer.waiting === 0 && !peer.isLost) peer.heardAt = now()
    peer.waiting++
    peers.set(name, peer)
    return peer
  }

  function leave(name: string, peer: Peer): void {
    peer.waiting--
    if (peer.waiting === 0 && !peer.isLost) peers.delete(name)
    // Push services of browsers are named by clients.
    for (const [other, { waiting }] of peers) {
      if (peers.size <= maxPeers) break
      if (waiting === 0) peers.delete(other)
    }
  }

  return {
    /** For how long it has been silent; 0 while it may be asked. */
    silentMs(name: string): number {
      const peer = peers.get(name)
      if (!peer || peer.waiting === 0) return 0
      const ms = now() - peer.heardAt
      return peer.isLost || ms >= silentAfterMs ? Math.max(ms, 1) : 0
    },

    /** From before it is asked until there is an answer, or none to be expected any more. */
    listen(name: string): Disposable & { heard: () => void } {
      const peer = enter(name)
      const since = now()
      return {
        heard() {
          peer.heardAt = now()
          peer.isLost = false
        },
        [Symbol.dispose]() {
          if (peer.heardAt <= since && now() - since >= silentAfterMs) peer.isLost = true
          leave(name, peer)
        },
      }
    },
  }
}
