import type { DataStore } from '@tus/server'
import { tooManyWrites } from '../../errors.ts'

/** So many requests at once bring bytes of resumable uploads, because each may hold a part in the temporary directory. */
export function boundWrites(store: DataStore, maxAtOnce: number): DataStore {
  const write = store.write.bind(store)
  let writing = 0
  store.write = async (bytes, id, offset) => {
    if (writing >= maxAtOnce) throw tooManyWrites()
    writing += 1
    try {
      return await write(bytes, id, offset)
    } finally {
      writing -= 1
    }
  }
  return store
}
