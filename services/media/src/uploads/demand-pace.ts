import type { IncomingMessage, ServerResponse } from 'node:http'

/** A kilobyte a second, which any line brings that is worth keeping open. */
const usual = { everyMs: 60_000, leastBytes: 60_000 }

/**
 * Breaks the line of a client that trickles, because it keeps its place from others. What has arrived of an upload that
 * can be taken up again stays, and the client goes on behind it; one it was not told of yet, and a form, are begun anew.
 */
export function demandPace(
  request: IncomingMessage,
  response: ServerResponse,
  { everyMs, leastBytes } = usual,
): void {
  const { socket } = request
  let before = socket.bytesRead
  const timer = setInterval(() => {
    const brought = socket.bytesRead - before
    before = socket.bytesRead
    // While bytes wait here to be taken, the store is what is slow.
    if (brought < leastBytes && request.readableLength === 0 && !request.complete) socket.destroy()
  }, everyMs)
  response.once('close', () => clearInterval(timer))
}
