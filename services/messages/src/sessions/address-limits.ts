import { isIP } from 'node:net'
import { createTokenBucket, type TokenBucket } from '@parley/shared/token-bucket'
import type { Config } from '../config.ts'
import { tooManyFromAddress } from '../errors.ts'

const remembered = 20_000

/** How many accounts and log-ins one address may ask for on this instance, a minute's worth at once. */
export function createAddressLimits({ perAddress }: Pick<Config, 'perAddress'>) {
  return {
    signUps: createLimit(perAddress.signUpsPerMinute),
    logIns: createLimit(perAddress.logInsPerMinute),
  }
}

export type AddressLimits = ReturnType<typeof createAddressLimits>

function createLimit(perMinute: number) {
  const buckets = new Map<string, TokenBucket>()
  return {
    /** Throws `rate_limited` if there were too many. The addresses seen longest ago are forgotten first. */
    take(address: string): void {
      const key = networkOf(address)
      const bucket = buckets.get(key) ?? createTokenBucket({ perSecond: perMinute / 60, burst: perMinute })
      buckets.delete(key)
      buckets.set(key, bucket)
      const oldest = buckets.keys().next()
      if (buckets.size > remembered && !oldest.done) buckets.delete(oldest.value)
      const waitMs = bucket.take()
      if (waitMs > 0) throw tooManyFromAddress(waitMs)
    },
  }
}

/** An IPv4 address; of IPv6 the first 64 bits, since one subscriber has all addresses behind them (RFC 6177). */
export function networkOf(address: string): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '')
  if (isIP(plain) !== 6) return plain
  const [head = '', tail] = plain.split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const filled = [...left, ...Array.from({ length: 8 - left.length - right.length }, () => '0'), ...right]
  return filled
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')
}
