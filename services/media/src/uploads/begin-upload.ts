import type { Context } from '../context.ts'
import { formsNotTaken } from '../errors.ts'
import { partSizeOf, type FormLink, type PartLinks, type UploadLink } from '../storage/storage.ts'
import { openTicket, type Ticket, type UploadRequest } from './open-ticket.ts'
import { withdrawTicket } from './withdraw-ticket.ts'

/** How the bytes come: put to one link, as a form of a browser, or in parts side by side. */
export type UploadWay = 'put' | 'form' | 'parts'

type BegunUpload = Pick<Ticket, 'mediaId' | 'expiresAt'> & { upload: UploadLink | FormLink | PartLinks }

/** Gives out links to put the bytes to. They stay apart from everything served until the upload is completed. */
export async function beginUpload(
  ctx: Pick<Context, 'db' | 'storage' | 'config' | 'metrics' | 'filmsAndSounds' | 'ticketLimits' | 'log'>,
  request: UploadRequest,
  way: UploadWay,
): Promise<BegunUpload> {
  const { storage, config } = ctx
  if (way === 'form' && !storage.formLink) throw formsNotTaken()
  const ttlSeconds = way === 'parts' ? config.uploads.resumableTtlSeconds : config.uploads.ttlSeconds
  const area = way === 'parts' ? 'parts' : 'incoming'
  const ticket = await openTicket(ctx, request, { area, ttlSeconds })
  const { mediaId, expiresAt } = ticket
  try {
    return { mediaId, expiresAt, upload: await linkTo(ticket) }
  } catch (cause) {
    await withdrawTicket(ctx, { ownerId: request.ownerId, mediaId })
    throw cause
  }

  async function linkTo({ incomingKey, contentType, sizeBytes }: Ticket): Promise<BegunUpload['upload']> {
    const terms = { contentType, sizeBytes, ttlSeconds }
    if (way === 'parts') {
      return storage.partLinks(incomingKey, { sizeBytes, partSizeBytes: partSizeOf(sizeBytes), ttlSeconds })
    }
    if (way === 'form' && storage.formLink) return storage.formLink(incomingKey, terms)
    return storage.uploadLink(incomingKey, terms)
  }
}
