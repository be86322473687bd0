import { createAddressGuard, PrivateAddressError } from '@parley/shared/address-guard'
import { Agent, buildConnector } from 'undici'

interface AgentOptions {
  /** Which may be reached though they are private. */
  allowedNetworks: string[]
  /** Trusted instead of the system's authorities, PEM. */
  ca: string | undefined
  timeoutMs: number
}

/** Connects to public addresses only, and to the networks the operator allows. */
export function openGuardedAgent({ allowedNetworks, ca, timeoutMs }: AgentOptions): Agent {
  const { lookup, mayAsk } = createAddressGuard(allowedNetworks)
  const connect = buildConnector({ lookup, timeout: Math.min(timeoutMs, 5_000), ...(ca ? { ca } : {}) })
  return new Agent({
    connections: 8,
    pipelining: 1,
    keepAliveTimeout: 30_000,
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    connect(options, done) {
      // A literal address is connected to without a lookup.
      if (!mayAsk(options.hostname))
        return done(new PrivateAddressError('the address is a private one'), null)
      return connect(options, done)
    },
  })
}
