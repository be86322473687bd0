import { serveAdmin } from '@parley/shared/admin'
import type { HttpApp } from '@parley/shared/http'
import type { Context } from './context.ts'
import { listPending } from './db/database.ts'

/** No upload has this key. */
const keyOfNothing = 'doctor/nothing'

/** What operators ask of media. */
export function serveMediaAdmin(
  app: HttpApp,
  { config, pool, storage, filmsAndSounds }: Context,
  { ready }: { ready: () => Promise<void> },
): void {
  serveAdmin(app, {
    service: 'media',
    ready,
    describe: () => ({
      storage: config.storage.driver,
      postgresConnections: pool.totalCount,
      postgresWaiting: pool.waitingCount,
    }),
    checks: {
      async migrations() {
        const pending = await listPending(pool)
        if (pending.length > 0) throw new Error(`still to be applied: ${pending.join(', ')}`)
        return 'current'
      },
      async storage() {
        await storage.peek(keyOfNothing, 1)
        return `${config.storage.driver} answers`
      },
      async ffmpeg() {
        return filmsAndSounds ? 'films and sounds are taken' : 'missing: films and sounds are refused'
      },
    },
  })
}
