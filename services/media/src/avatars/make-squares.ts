import { mkdtempDisposable } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Context } from '../context.ts'
import type { Media } from '../db/schema.ts'
import { doom, spare } from '../doomed/store.ts'
import { mediaNotFound } from '../errors.ts'
import { addForms } from '../media/store.ts'
import { makeForms } from '../processing/derive-image.ts'
import { newKey } from '../storage/storage.ts'
import { squarePlans } from './squares.ts'

/** Longer than making and storing squares ever takes. */
const unsparedMs = 3_600_000

/**
 * Cuts the squares of an avatar out of the middle of a picture and stores them with it. Made when they are first asked
 * for: few pictures ever are an avatar. Who makes them at the same time finds that they are there.
 *
 * @throws AppError `not_found` if the media is gone, or is no picture that can be read
 */
export async function makeSquares(
  ctx: Pick<Context, 'db' | 'storage' | 'pictures'>,
  media: Media,
): Promise<Media> {
  const { db, storage } = ctx
  const { objectKey, contentType } = media
  if (!objectKey || !contentType) throw mediaNotFound()
  await using directory = await mkdtempDisposable(path.join(tmpdir(), 'parley-avatar-'))
  const file = path.join(directory.path, 'picture')
  if (!(await storage.fetchFile(objectKey, file))) throw mediaNotFound()

  const request = { file, directory: directory.path, contentType, forms: squarePlans }
  const made = await makeForms(ctx.pictures, { ...request, fit: 'cover' })
  if (!made.ok) throw mediaNotFound()
  const keyed = made.forms.map(({ file: square, ...form }) => ({
    square,
    form: { ...form, key: newKey('form') },
  }))
  const keys = keyed.map(({ form }) => form.key)
  await doom(db, keys, unsparedMs)
  await Promise.all(keyed.map(({ square, form }) => storage.putFile(form.key, square)))
  return await db.transaction().execute(async (trx) => {
    const { media: held, added } = await addForms(
      trx,
      media.id,
      keyed.map(({ form }) => form),
    )
    if (!held) throw mediaNotFound()
    if (added && !(await spare(trx, keys))) throw new Error('storing the squares took too long')
    return held
  })
}
