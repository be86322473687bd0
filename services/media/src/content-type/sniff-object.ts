import type { Storage } from '../storage/storage.ts'
import { behindTag, sniffedBytes, sniffTagged, sniffType } from './sniff.ts'

/** The type of an object by its first bytes or, where those are a tag, by the ones behind it, however long it is. */
export async function sniffObject(
  storage: Pick<Storage, 'peek'>,
  { key, start, sizeBytes }: { key: string; start: Buffer; sizeBytes: number },
  declared: string,
): Promise<string> {
  const behind = behindTag(start)
  if (behind === undefined) return sniffType(start, declared)
  const rest = behind < sizeBytes ? await storage.peek(key, sniffedBytes, behind) : undefined
  return sniffTagged(rest?.start ?? Buffer.alloc(0), declared)
}
