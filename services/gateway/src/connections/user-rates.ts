import type { TokenBucket } from '@parley/shared/token-bucket'

/** What a user may do so often, on however many sockets. */
export type Rate = 'sends' | 'requests' | 'typing'
/** Those that were drawn on: who only listens has none. */
export type Buckets = { [R in Rate]?: TokenBucket }
