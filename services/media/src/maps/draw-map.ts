import { mkdtempDisposable, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { sniffType } from '../content-type/sniff.ts'
import type { Context } from '../context.ts'
import { doom, spare } from '../doomed/store.ts'
import { mapUnavailable, noMaps } from '../errors.ts'
import { makeForms } from '../processing/derive-image.ts'
import type { FormPlan } from '../processing/form-plans.ts'
import { newKey } from '../storage/storage.ts'
import { fetchMap, type Place } from './provider.ts'
import { findMap, putMap } from './store.ts'

/** As providers' terms commonly allow. */
const keepMs = 30 * 86_400_000
const unsparedMs = 3_600_000
const plan: FormPlan[] = [{ name: 'map', side: 600, types: ['image/webp'] }]

/** A place to some ten metres: people who stand beside each other share a map. */
export function roundPlace({ latitude, longitude, zoom }: Place): Place {
  const round = (degrees: number) => Math.round(degrees * 10_000) / 10_000
  return { latitude: round(latitude), longitude: round(longitude), zoom }
}

const nameOf = ({ latitude, longitude, zoom }: Place) => `${latitude},${longitude},${zoom}`

/** Of a map that was drawn before. */
export function findDrawn({ db }: Pick<Context, 'db'>, place: Place): Promise<string | undefined> {
  return findMap(db, nameOf(place))
}

/**
 * Has a map drawn by the operator's provider, reads it as the stranger's file it is, and keeps it.
 *
 * @throws AppError `not_found` if there is no provider, `unavailable` if it gives no picture
 */
export async function drawMap(
  ctx: Pick<Context, 'config' | 'db' | 'storage' | 'pictures'>,
  place: Place,
): Promise<string> {
  const { config, db, storage, pictures } = ctx
  if (config.mapUrlTemplate === undefined) throw noMaps()
  const bytes = await fetchMap(config.mapUrlTemplate, place)
  await using directory = await mkdtempDisposable(path.join(tmpdir(), 'parley-map-'))
  const file = path.join(directory.path, 'map')
  await writeFile(file, bytes)
  const request = { file, directory: directory.path, contentType: sniffType(bytes), forms: plan }
  const made = await makeForms(pictures, { ...request, fit: 'inside' })
  const [form] = made.ok ? made.forms : []
  if (!form) throw mapUnavailable('a picture that cannot be read')

  const objectKey = newKey('form')
  await doom(db, [objectKey], unsparedMs)
  await storage.putFile(objectKey, form.file)
  await db.transaction().execute(async (trx) => {
    const before = await putMap(trx, { place: nameOf(place), objectKey, keepMs })
    if (!(await spare(trx, [objectKey]))) throw new Error('storing a map took too long')
    if (before) await doom(trx, [before], config.linkTtlSeconds * 1_000)
  })
  return objectKey
}
