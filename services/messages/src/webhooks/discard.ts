import type { Dispatcher } from 'undici'

const atMost = 16_384
const withinMs = 1_000

/** Reads an answer nobody needs to its end, so that its connection can be used again, or gives both up. */
export async function discard(body: Dispatcher.ResponseData['body']): Promise<void> {
  // Giving up is an error of the stream, which without a listener would end the process.
  body.on('error', () => undefined)
  await body.dump({ limit: atMost, signal: AbortSignal.timeout(withinMs) }).catch(() => undefined)
}
