import { mkdtempDisposable } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { MediaId } from '@parley/shared/ids'
import type { Context } from '../context.ts'
import type { Failure, Media } from '../db/schema.ts'
import { doom, spare } from '../doomed/store.ts'
import { beginRun, findMedia, releaseRun, updateAnswered, updateFailed, updateReady } from '../media/store.ts'
import { newKey } from '../storage/storage.ts'
import { withExtension } from '../uploads/file-name.ts'
import type { ImageProcesses } from './image-processes.ts'
import { maxUnansweredRuns } from './limits.ts'
import { outputFiles, type TransformReply, type TransformRequest } from './transform.ts'

/** Longer than storing two files ever takes. */
const unsparedMs = 3_600_000

interface Worker extends Pick<Context, 'db' | 'storage' | 'metrics'> {
  images: ImageProcesses
  /** Longer than a file waits for a process and is then read. */
  leaseMs: number
}

type Transformed = Extract<TransformReply, { ok: true }>

/**
 * Makes a checked image fit to show, and `ready` when everything is stored; or `failed`, with the reason, when
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
  const run = await beginRun(db, { id: mediaId, leaseMs })
  if (!run) return
  try {
    if (run.unansweredRuns > maxUnansweredRuns) await fail(worker, media, 'unprocessable')
    else await read(worker, media, { file, directory: directory.path, contentType: media.contentType })
  } catch (cause) {
    await releaseRun(db, mediaId)
    throw cause
  }
  stop()
}

async function read(worker: Worker, media: Media, request: TransformRequest): Promise<void> {
  const reply = await worker.images.transform(request)
  await updateAnswered(worker.db, media.id)
  if (reply.ok) await storeResult(worker, media, { ...reply, directory: request.directory })
  else if (reply.failure === 'internal') throw new Error(`image process: ${reply.reason}`)
  else await fail(worker, media, reply.failure)
}

async function storeResult(
  { db, storage, metrics }: Worker,
  media: Media,
  made: Transformed & { directory: string },
): Promise<void> {
  const [objectKey, thumbnailKey] = [newKey('media'), newKey('thumbnail')]
  await doom(db, [objectKey, thumbnailKey], unsparedMs)
  await Promise.all([
    storage.putFile(objectKey, path.join(made.directory, outputFiles.shown)),
    storage.putFile(thumbnailKey, path.join(made.directory, outputFiles.thumbnail)),
  ])

  const changedType = made.contentType !== media.contentType
  await db.transaction().execute(async (trx) => {
    const updated = await updateReady(trx, media.id, {
      contentType: made.contentType,
      fileName: changedType ? withExtension(media.fileName, extensionOf(made.contentType)) : media.fileName,
      sizeBytes: made.sizeBytes,
      width: made.width,
      height: made.height,
      thumbnailWidth: made.thumbnail.width,
      thumbnailHeight: made.thumbnail.height,
      thumbhash: made.thumbhash,
      objectKey,
      thumbnailKey,
    })
    if (!updated) return
    if (!(await spare(trx, [objectKey, thumbnailKey]))) throw new Error('storing the result took too long')
    // The upload as it came may say where it was taken.
    if (media.objectKey) await doom(trx, [media.objectKey], 0)
    metrics.processed.inc({ outcome: 'ready' })
  })
}

async function fail({ db, metrics }: Worker, media: Media, failure: Failure): Promise<void> {
  await db.transaction().execute(async (trx) => {
    const failed = await updateFailed(trx, { id: media.id, from: 'processing', failure })
    if (!failed || !media.objectKey) return
    await doom(trx, [media.objectKey], 0)
    metrics.processed.inc({ outcome: failure })
  })
}

function extensionOf(contentType: string): string {
  return contentType.slice('image/'.length)
}
