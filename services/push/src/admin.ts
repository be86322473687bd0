import { serveAdmin } from '@parley/shared/admin'
import { checkRedis } from '@parley/shared/check-redis'
import type { HttpApp } from '@parley/shared/http'
import type { Context } from './context.ts'

/** What operators ask of push. */
export function servePushAdmin(
  app: HttpApp,
  { credentials, redis }: Context,
  { ready }: { ready: () => Promise<void> },
): void {
  const known = () => credentials.list()
  serveAdmin(app, {
    service: 'push',
    ready,
    describe: () => ({
      credentials:
        known()
          .map(({ name }) => name)
          .join(', ') || 'none',
      redis: redis.status,
    }),
    checks: {
      redis: () => checkRedis(redis),
      async credentials() {
        const wrong = known().filter(({ state }) => state !== 'loaded')
        if (wrong.length > 0)
          throw new Error(wrong.map(({ name, problem }) => `${name}: ${problem}`).join('; '))
        return (
          known()
            .map(({ name, provider }) => `${name} (${provider})`)
            .join(', ') || 'none: nobody is pushed'
        )
      },
    },
  })
}
