import { lookup } from 'node:dns'
import { isIP, type LookupFunction } from 'node:net'
import ipaddr from 'ipaddr.js'

/** A name led to nothing but addresses inside somebody's network. */
export class AddressNotPublicError extends Error {
  override name = 'AddressNotPublicError'
}

/**
 * Whether an address is one of the public internet: not private, loopback, link-local (where clouds keep
 * their metadata), multicast or reserved, nor an IPv6 form of such an IPv4 address.
 */
export function isPublicAddress(address: string): boolean {
  return ipaddr.isValid(address) && ipaddr.process(address).range() === 'unicast'
}

/** Whether a URL's host may be asked at all: a name, or an address that is public. */
export function isPublicHost(hostname: string): boolean {
  const bare = hostname.replace(/^\[|\]$/g, '')
  return isIP(bare) === 0 || isPublicAddress(bare)
}

/** Resolves names to public addresses alone. Used by the connection itself, so a name cannot change in between. */
export const lookupPublic: LookupFunction = (hostname, options, callback) => {
  lookup(hostname, { ...options, all: true }, (err, found) => {
    if (err) return callback(err, [])
    const open = found.filter(({ address }) => isPublicAddress(address))
    const [first] = open
    if (!first) return callback(new AddressNotPublicError(`${hostname} has no public address`), [])
    if (options.all) callback(null, open)
    else callback(null, first.address, first.family)
  })
}
