import { request } from 'undici'

export interface InstanceAddress {
  /** What a gateway puts in front of its session ids. */
  id: string
  url: string
  readyUrl: string
}

const verdictTtlMs = 250
const probeDeadlineMs = 1_000

/**
 * Which instance of a service a request belongs to. A session of the socket lives on the gateway that named it
 * (`sid=<gateway>.<random>`); everything else goes round to the next instance that takes new work, so one that is
 * dead or draining is skipped.
 */
export function createInstancePool(instances: readonly InstanceAddress[]) {
  const verdicts = new Map<string, { at: number; verdict: Promise<boolean> }>()
  let turn = 0

  function isReady(instance: InstanceAddress): Promise<boolean> {
    const known = verdicts.get(instance.id)
    if (known && Date.now() - known.at < verdictTtlMs) return known.verdict
    const verdict = probe(instance.readyUrl)
    verdicts.set(instance.id, { at: Date.now(), verdict })
    return verdict
  }

  return {
    /** The gateway that holds a session, dead or not: no other knows it. */
    ownerOf(sid: string): InstanceAddress | undefined {
      return instances.find(({ id }) => sid.startsWith(`${id}.`))
    },

    /** Undefined when none of several takes new work; one alone answers for itself. */
    async next(): Promise<InstanceAddress | undefined> {
      if (instances.length === 1) return instances[0]
      const first = turn++
      for (let i = 0; i < instances.length; i++) {
        const instance = instances[(first + i) % instances.length]
        if (instance && (await isReady(instance))) return instance
      }
      return undefined
    },
  }
}

async function probe(url: string): Promise<boolean> {
  try {
    const { statusCode, body } = await request(url, {
      headersTimeout: probeDeadlineMs,
      bodyTimeout: probeDeadlineMs,
    })
    await body.dump()
    return statusCode === 200
  } catch {
    return false
  }
}
