import { restrictDecoders, transformImage } from './transform-image.ts'
import type { TransformReply, TransformRequest } from './transform.ts'

restrictDecoders()

// The parent ends this process; a signal meant for the whole group must not end a job half-way.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => {})
process.on('disconnect', () => process.exit(0))

process.on('message', (request: TransformRequest) => {
  void transformImage(request)
    .catch((cause: unknown): TransformReply => ({ ok: false, failure: 'internal', reason: String(cause) }))
    .then((reply) => {
      // What a picture took lies outside of the heap, and one as small as this does not ask for it back by itself.
      globalThis.gc?.()
      process.send?.(reply)
    })
})
