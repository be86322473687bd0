import { randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { type DataStore, Upload } from '@tus/server'
import { newKey } from '../../src/storage/storage.ts'

/** Three parts of the store and a rest. */
export const bytes = randomBytes(26_000_000)
export const mega = 1024 ** 2

export async function begin(store: DataStore, size: number): Promise<string> {
  const key = newKey('tus')
  await store.create(new Upload({ id: key, size, offset: 0 }))
  return key
}

export const isPart =
  (number: number) =>
  ({ method, url }: IncomingMessage) =>
    method === 'PUT' && new RegExp(`[?&]partNumber=${number}&`).test(url ?? '')

/** As a socket brings them. */
export function* pieces(all: Buffer): Generator<Buffer> {
  for (let at = 0; at < all.length; at += 65_536) yield all.subarray(at, at + 65_536)
}
