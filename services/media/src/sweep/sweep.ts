import { setTimeout as wait } from 'node:timers/promises'
import type { Context } from '../context.ts'
import { doom, forget, listDue } from '../doomed/store.ts'
import { removeOldMaps } from '../maps/store.ts'
import { removeExpired, takeForgotten } from '../media/store.ts'
import { lateMs } from '../uploads/open-ticket.ts'
import { collectMedia } from './collect-media.ts'

const pageSize = 100
/** Before an object is tried again that the store would not remove. */
const keptForMs = 3_600_000
/** So that one tick ends, however much there is; the next goes on. */
const pagesPerTick = 10

/**
 * Finds in Postgres what nobody else will come back to: images whose job is lost, tickets that were never
 * used, media that nobody can see any more, objects that nothing refers to. Any number of instances may sweep at once.
 */
export function startSweep(ctx: Context): AsyncDisposable {
  const stop = new AbortController()
  const loop = run(ctx, stop.signal)
  return {
    async [Symbol.asyncDispose]() {
      stop.abort()
      await loop
    },
  }
}

async function run(ctx: Context, signal: AbortSignal): Promise<void> {
  const { everyMs } = ctx.config.sweep
  while (!signal.aborted) {
    await sweep(ctx, signal)
    // Spread, so that instances which started together do not sweep together.
    await wait(everyMs * (0.75 + Math.random() / 2), undefined, { signal }).catch(() => {})
  }
}

async function sweep(ctx: Context, signal: AbortSignal): Promise<void> {
  await inPages(ctx, signal, 'requeued', requeueForgotten)
  await inPages(ctx, signal, 'expired', ({ db }) => removeExpired(db, { graceMs: lateMs, limit: pageSize }))
  await inPages(ctx, signal, 'map', removeMaps)
  await inPages(ctx, signal, 'object', removeDoomed)
  await inPages(ctx, signal, 'looked_at', () => collectMedia(ctx, pageSize))
}

/** What fails of one kind keeps nothing of another from being found. */
async function inPages(
  ctx: Context,
  signal: AbortSignal,
  kind: string,
  page: (ctx: Context) => Promise<number>,
): Promise<void> {
  try {
    for (let i = 0; i < pagesPerTick && !signal.aborted; i++) {
      const count = await page(ctx)
      if (count > 0) ctx.metrics.swept.inc({ kind }, count)
      if (count < pageSize) return
    }
  } catch (err) {
    ctx.log.error({ err, kind }, 'sweep failed')
  }
}

async function requeueForgotten({ db, config, enqueue }: Context): Promise<number> {
  const forgotten = await takeForgotten(db, { afterMs: config.sweep.requeueAfterMs, limit: pageSize })
  // An id of its own each time: under the first one the queue may remember a job that failed for good.
  await enqueue(forgotten.map(({ id, requeues }) => ({ mediaId: id, id: `${id}-${requeues}` })))
  return forgotten.length
}

async function removeDoomed({ db, log, metrics, storage }: Context): Promise<number> {
  const keys = await listDue(db, pageSize)
  const kept = await storage.remove(keys)
  const [first] = kept
  if (first) {
    metrics.swept.inc({ kind: 'kept' }, kept.length)
    log.warn(
      { err: first.cause, key: first.key, objects: kept.length },
      'objects stay that nothing refers to',
    )
    // Or as many as these would be all that is ever tried.
    await doom(
      db,
      kept.map(({ key }) => key),
      keptForMs,
    )
  }
  await forget(db, keys)
  return keys.length - kept.length
}

async function removeMaps({ db, config }: Context): Promise<number> {
  return db.transaction().execute(async (trx) => {
    const keys = await removeOldMaps(trx, pageSize)
    await doom(trx, keys, config.linkTtlSeconds * 1_000)
    return keys.length
  })
}
