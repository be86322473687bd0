import { encodeEvent, userRoom } from '@parley/shared/realtime'
import type { Context } from '../context.ts'
import type { Media } from '../db/schema.ts'
import { mediaObject } from './media-object.ts'

/** Rings at the owner's devices what became of an upload. A hint: whoever misses it asks by HTTP. */
export function tellOwner({ announcer, log }: Pick<Context, 'announcer' | 'log'>, media: Media): void {
  const text = encodeEvent('media:changed', mediaObject(media))
  announcer.ring([{ room: userRoom(media.ownerId), text }]).catch((err: unknown) => {
    log.warn({ err, mediaId: media.id }, 'the owner was not told')
  })
}
