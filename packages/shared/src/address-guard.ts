import { lookup as resolve } from 'node:dns'
import { isIP, type LookupFunction } from 'node:net'
import ipaddr from 'ipaddr.js'

/** A name or an address led to nothing but somebody's own network. */
export class PrivateAddressError extends Error {
  override name = 'PrivateAddressError'
}

const globalV6 = ipaddr.parseCIDR('2000::/3')

/** Not private, loopback, link-local (where clouds keep their metadata), multicast, reserved, nor a form of an IPv4 address. */
function isPublic(address: string): boolean {
  const parsed = ipaddr.parse(address)
  return parsed.range() === 'unicast' && (parsed.kind() === 'ipv4' || parsed.match(globalV6))
}

function networkOf(text: string) {
  if (text.includes('/')) return ipaddr.parseCIDR(text)
  return ipaddr.parseCIDR(`${text}/${isIP(text) === 6 ? 128 : 32}`)
}

/**
 * What may be connected to at the word of somebody else: public addresses, and the networks the operator names
 * (`10.1.0.0/16`, `127.0.0.1`). Throws if one of these is no network.
 */
export function createAddressGuard(allowedNetworks: string[] = []) {
  const allowed = allowedNetworks.map(networkOf)

  const mayConnect = (address: string): boolean => {
    if (isIP(address) === 0) return false
    const parsed = ipaddr.parse(address)
    return (
      allowed.some((network) => parsed.kind() === network[0].kind() && parsed.match(network)) ||
      isPublic(address)
    )
  }

  /** Used by the connection itself: what is checked is what is connected to, whatever the name means a moment later. */
  const lookup: LookupFunction = (hostname, options, done) => {
    resolve(hostname, { ...options, all: true }, (err, found) => {
      if (err) return done(err, [])
      const open = found.filter(({ address }) => mayConnect(address))
      const [first] = open
      if (!first) return done(new PrivateAddressError('the address is a private one'), [])
      if (options.all) return done(null, open)
      return done(null, first.address, first.family)
    })
  }

  /** Of a URL's `hostname`: a name, which `lookup` will see to, or an address that may be connected to. */
  const mayAsk = (hostname: string): boolean => {
    const bare = hostname.replace(/^\[|\]$/g, '')
    return isIP(bare) === 0 || mayConnect(bare)
  }

  return { mayConnect, mayAsk, lookup }
}
