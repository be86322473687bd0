import { lookup as resolve } from 'node:dns'
import { BlockList, isIP, type LookupFunction } from 'node:net'
import { Agent, buildConnector } from 'undici'

/** Networks that are nobody's on the internet (IANA special-purpose registries), cloud metadata among them. */
const privateV4 = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/3',
]
/** All that is not 2000::/3, and what of it is no host or stands for an address of version 4. */
const privateV6 = ['::/3', '4000::/2', '8000::/1', '2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20']

type Family = 'ipv4' | 'ipv6'
const familyOf = (address: string): Family => (isIP(address) === 6 ? 'ipv6' : 'ipv4')

/** Asked for each family apart: a list of Node's takes an address of version 4 for one of version 6 as well. */
function listOf(networks: string[]) {
  const lists = { ipv4: new BlockList(), ipv6: new BlockList() }
  for (const network of networks) {
    const [address = '', bits] = network.split('/')
    const family = familyOf(address)
    lists[family].addSubnet(address, Number(bits ?? (family === 'ipv6' ? 128 : 32)), family)
  }
  return (address: string) => lists[familyOf(address)].check(address, familyOf(address))
}

const isPrivate = listOf([...privateV4, ...privateV6])

/** Whether nothing on an operator's own network can be reached at this address, but for what is allowed by name. */
export function createAddressCheck(allowedNetworks: string[]) {
  const isNamed = listOf(allowedNetworks)
  return (address: string): boolean => isIP(address) !== 0 && (isNamed(address) || !isPrivate(address))
}

export class PrivateAddress extends Error {
  override name = 'PrivateAddress'
}

interface AgentOptions {
  allowedNetworks: string[]
  /** Trusted instead of the system's authorities, PEM. */
  ca: string | undefined
  timeoutMs: number
}

/**
 * Connects to public addresses only. What a name means is asked once, when the connection is made, and it is those
 * addresses that are checked and connected to; so a name that means something else a moment later gains nothing.
 */
export function openGuardedAgent({ allowedNetworks, ca, timeoutMs }: AgentOptions): Agent {
  const isAllowed = createAddressCheck(allowedNetworks)
  const lookup: LookupFunction = (hostname, options, done) => {
    resolve(hostname, { ...options, all: true }, (err, addresses) => {
      if (err) return done(err, [])
      const safe = addresses.filter(({ address }) => isAllowed(address))
      const [first] = safe
      if (!first) return done(new PrivateAddress('the address is a private one'), [])
      if (options.all) return done(null, safe)
      return done(null, first.address, first.family)
    })
  }
  const connect = buildConnector({ lookup, timeout: Math.min(timeoutMs, 5_000), ...(ca ? { ca } : {}) })
  return new Agent({
    connections: 8,
    pipelining: 1,
    keepAliveTimeout: 30_000,
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    connect(options, done) {
      // A literal address is connected to without a lookup.
      const literal = options.hostname.replace(/^\[|\]$/g, '')
      if (isIP(literal) !== 0 && !isAllowed(literal))
        return done(new PrivateAddress('the address is a private one'), null)
      return connect(options, done)
    },
  })
}
