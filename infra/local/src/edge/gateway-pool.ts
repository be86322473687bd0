import { request } from 'undici'

export interface GatewayAddress {
  /** What the gateway puts in front of its session ids. */
  id: string
  url: string
  readyUrl: string
}

const verdictTtlMs = 250
const probeDeadlineMs = 1_000

/**
 * Which gateway a connection belongs to. A session lives on the gateway that named it (`sid=<gateway>.<random>`);
 * everything else goes round to the next gateway that takes new work, so one that is dead or draining is skipped.
 */
export function createGatewayPool(gateways: readonly GatewayAddress[]) {
  const verdicts = new Map<string, { at: number; verdict: Promise<boolean> }>()
  let turn = 0

  function isReady(gateway: GatewayAddress): Promise<boolean> {
    const known = verdicts.get(gateway.id)
    if (known && Date.now() - known.at < verdictTtlMs) return known.verdict
    const verdict = probe(gateway.readyUrl)
    verdicts.set(gateway.id, { at: Date.now(), verdict })
    return verdict
  }

  return {
    /** The gateway that holds a session, dead or not: no other knows it. */
    ownerOf(sid: string): GatewayAddress | undefined {
      return gateways.find(({ id }) => sid.startsWith(`${id}.`))
    },

    /** Undefined when none takes new connections. */
    async next(): Promise<GatewayAddress | undefined> {
      const first = turn++
      for (let i = 0; i < gateways.length; i++) {
        const gateway = gateways[(first + i) % gateways.length]
        if (gateway && (await isReady(gateway))) return gateway
      }
      return undefined
    },
  }
}

export type GatewayPool = ReturnType<typeof createGatewayPool>

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
