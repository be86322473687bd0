import { mkdtempDisposable, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { MediaId } from '@parley/shared/ids'
import { extensionOf } from '../content-type/accepted.ts'
import type { Context } from '../context.ts'
import type { Failure, Media, Stage } from '../db/schema.ts'
import { doom, spare } from '../doomed/store.ts'
import {
  beginRun,
  findMedia,
  releaseRun,
  takeBackRun,
  updateAnswered,
  updateFailed,
  updateReady,
  updateStage,
} from '../media/store.ts'
import { tellOwner } from '../media/tell-owner.ts'
import { scanFile } from '../scanning/clamav.ts'
import { newKey } from '../storage/storage.ts'
import { withExtension } from '../uploads/file-name.ts'
import { derive, type Tools } from './derive.ts'
import { type Derived, noFacts, type Refused, refused } from './derived.ts'
import { maxUnansweredRuns } from './limits.ts'
import { NoAnswer } from './no-answer.ts'

/** Longer than storing what was made ever takes. */
const unsparedMs = 3_600_000

interface Worker extends Pick<Context, 'config' | 'db' | 'storage' | 'metrics' | 'announcer' | 'log'> {
  tools: Tools
  /** Longer than a file of this type waits for a process and is then read. */
  leaseMs: (contentType: string) => number
}

/**
 * Makes a checked upload fit to show, and `ready` when everything is stored; or `failed`, with the reason, when
 * the file is at fault. Throws when anything else is, to be tried again. Doing it twice is harmless.
 */
export async function processMedia(worker: Worker, mediaId: MediaId): Promise<void> {
  const { db, storage, metrics, leaseMs } = worker
  const media = await findMedia(db, mediaId)
  if (media?.status !== 'processing' || !media.objectKey || !media.contentType) return
  const stop = metrics.processing.startTimer()

  await using directory = await mkdtempDisposable(path.join(tmpdir(), 'parley-media-'))
  const file = path.join(directory.path, 'original')
  if (!(await storage.fetchFile(media.objectKey, file))) {
    // Another worker has finished, or the object was lost; the next attempt will see which.
    throw new Error('the object of a media in processing is not there')
  }

  // Counted in Postgres, which remembers it also when the file takes this process with it. Who finds it in hand
  // leaves it; should that one die, the sweep queues it again.
  const run = await beginRun(db, { id: mediaId, leaseMs: leaseMs(media.contentType) })
  if (!run) return
  try {
    if (run.unansweredRuns > maxUnansweredRuns) await fail(worker, media, 'unprocessable')
    else await read(worker, media, { file, directory: directory.path, contentType: media.contentType })
  } catch (cause) {
    // A scanner or a disk that is away for long says nothing about the file.
    await (cause instanceof NoAnswer ? releaseRun : takeBackRun)(db, run)
    throw cause
  }
  stop()
}

async function read(
  worker: Worker,
  media: Media,
  source: { file: string; directory: string; contentType: string },
): Promise<void> {
  const infected = await scan(worker, media, source.file)
  if (infected) return fail(worker, media, infected.failure)
  await enter(worker, media, 'deriving')
  const derived = await derive(worker.tools, source)
  await updateAnswered(worker.db, media.id)
  if (derived === undefined) return settle(worker, media)
  if (!derived.ok) return fail(worker, media, derived.failure)
  await enter(worker, media, 'storing')
  await store(worker, media, derived)
}

async function scan(worker: Worker, media: Media, file: string): Promise<Refused | undefined> {
  const { clamav } = worker.config
  if (!clamav) return undefined
  await enter(worker, media, 'scanning')
  if ((await scanFile(clamav, file)) === 'clean') return undefined
  worker.log.warn({ mediaId: media.id, ownerId: media.ownerId }, 'an upload holds malware')
  return refused('malware')
}

async function enter(worker: Worker, media: Media, stage: Stage): Promise<void> {
  const updated = await updateStage(worker.db, media.id, stage)
  if (updated) tellOwner(worker, updated)
}

/** A plain file is shown as it came. */
async function settle(worker: Worker, media: Media): Promise<void> {
  const { contentType, fileName, sizeBytes, objectKey } = media
  const collectAfterMs = worker.config.collection.graceMs
  const facts = { ...noFacts, contentType, fileName, sizeBytes, objectKey, forms: '[]', collectAfterMs }
  const ready = await worker.db.transaction().execute((trx) => updateReady(trx, media.id, facts))
  if (ready) announceReady(worker, ready)
}

async function store(worker: Worker, media: Media, { shown, forms, facts }: Derived): Promise<void> {
  const { db, storage } = worker
  const objectKey = newKey('media')
  const keyed = forms.map(({ file, ...form }) => ({ file, form: { ...form, key: newKey('form') } }))
  const keys = [objectKey, ...keyed.map(({ form }) => form.key)]
  await doom(db, keys, unsparedMs)
  await Promise.all([
    storage.putFile(objectKey, shown.file),
    ...keyed.map(({ file, form }) => storage.putFile(form.key, file)),
  ])

  const changedType = shown.contentType !== media.contentType
  const { size: sizeBytes } = await stat(shown.file)
  const ready = await db.transaction().execute(async (trx) => {
    const updated = await updateReady(trx, media.id, {
      ...facts,
      contentType: shown.contentType,
      fileName: changedType ? withExtension(media.fileName, extensionOf(shown.contentType)) : media.fileName,
      sizeBytes,
      objectKey,
      forms: JSON.stringify(keyed.map(({ form }) => form)),
      collectAfterMs: worker.config.collection.graceMs,
    })
    if (!updated) return undefined
    if (!(await spare(trx, keys))) throw new Error('storing the result took too long')
    // The upload as it came may say where it was taken.
    if (media.objectKey) await doom(trx, [media.objectKey], 0)
    return updated
  })
  if (ready) announceReady(worker, ready)
}

function announceReady(worker: Worker, ready: Media): void {
  worker.metrics.processed.inc({ outcome: 'ready' })
  tellOwner(worker, ready)
}

async function fail(worker: Worker, media: Media, failure: Failure): Promise<void> {
  const failed = await worker.db.transaction().execute(async (trx) => {
    const updated = await updateFailed(trx, { id: media.id, from: 'processing', failure })
    if (updated && media.objectKey) await doom(trx, [media.objectKey], 0)
    return updated
  })
  if (!failed) return
  worker.metrics.processed.inc({ outcome: failure })
  tellOwner(worker, failed)
}
