import { type SentinelConnectionOptions, SentinelConnector as Stock } from 'ioredis'

/** Of ioredis: hears the sentinels say that there is another primary, and ends the connection to the old one. */
interface Detector {
  cleanup: () => void
}

/**
 * The way to the primary that sentinels name. With ioredis' own, what hears of another primary outlives the connection it
 * was made for: where that has ended by itself and the next one is being looked for, the word ends the search, and the
 * client for good.
 */
export class SentinelConnector extends Stock {
  constructor(options: unknown) {
    super(options as SentinelConnectionOptions)
  }

  override connect(...args: Parameters<Stock['connect']>): ReturnType<Stock['connect']> {
    const { failoverDetector } = this as unknown as { failoverDetector?: Detector | null }
    failoverDetector?.cleanup()
    return super.connect(...args)
  }
}
