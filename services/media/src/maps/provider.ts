import { AppError } from '@parley/shared/errors'
import { sniffType } from '../content-type/sniff.ts'
import { mapUnavailable } from '../errors.ts'

export interface Place {
  latitude: number
  longitude: number
  zoom: number
}

/** Pixels of a map, for the bubble of a message at twice its density. */
export const mapSize = { width: 600, height: 300 }

const deadlineMs = 5_000
const maxBytes = 2 * 1024 ** 2
const taken = new Set(['image/png', 'image/jpeg', 'image/webp'])

/**
 * Asks the operator's provider for a map. Only the configured host is ever asked: what stands in the address is numbers,
 * and a redirect is not followed. What comes back is a picture of bounded size, or nothing.
 *
 * @throws AppError `unavailable` whatever went wrong; the address, which holds the operator's key, is in no error
 */
export async function fetchMap(template: string, place: Place): Promise<Buffer> {
  const values: Record<string, number> = { ...place, ...mapSize }
  const url = template.replaceAll(/\{(latitude|longitude|zoom|width|height)\}/g, (_, name: string) =>
    String(values[name]),
  )
  try {
    const answer = await fetch(url, {
      redirect: 'error',
      headers: { accept: [...taken].join(', ') },
      signal: AbortSignal.timeout(deadlineMs),
    })
    if (!answer.ok || !answer.body) throw mapUnavailable(`status ${answer.status}`)
    const bytes = await readAtMost(answer.body, maxBytes)
    if (!taken.has(sniffType(bytes))) throw mapUnavailable('no picture')
    return bytes
  } catch (cause) {
    if (cause instanceof AppError) throw cause
    throw mapUnavailable(cause instanceof Error ? cause.name : 'failed')
  }
}

async function readAtMost(body: AsyncIterable<Uint8Array>, most: number): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of body) {
    length += chunk.length
    if (length > most) throw mapUnavailable('too many bytes')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
