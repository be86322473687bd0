import { AppError } from '@parley/shared/errors'

/** The same words for an id that was never given out and for one that belongs to somebody else. */
export const mediaNotFound = () => new AppError('not_found', 'no such media')
export const formNotFound = (name: string) => new AppError('not_found', `this media has no ${name}`)
export const mediaNotReady = () => new AppError('conflict', 'this media is not ready')
export const bytesNotArrived = () =>
  new AppError('conflict', 'the bytes have not arrived; put them to the link first')

export const sessionEnded = () => new AppError('unauthenticated', 'this session has ended')
export const messagesUnavailable = (cause: unknown) =>
  new AppError('unavailable', 'the right to do this cannot be checked now', { cause, retryAfterMs: 1_000 })

export const uploadTooLarge = (maxBytes: number) =>
  new AppError('too_large', `an upload holds at most ${maxBytes} bytes`)
export const tooLargeForItsType = () =>
  new AppError('too_large', 'an upload of the type this content is may not hold so many bytes')
export const formsNotTaken = () =>
  new AppError('invalid_request', 'the store here takes no forms; ask for another way')
export const metadataUnreadable = (cause: unknown) =>
  new AppError('invalid_request', 'upload-metadata is not as the tus protocol has it', { cause })
export const uploadLengthRequired = () =>
  new AppError('invalid_request', 'upload-length must say how many bytes there will be')
export const uploadBusy = () =>
  new AppError('unavailable', 'another request still writes to this upload', { retryAfterMs: 1_000 })
export const offsetDiffers = () =>
  new AppError('conflict', 'these bytes do not begin where the upload stands; ask where that is')
export const quotaExceeded = (quotaBytes: number) =>
  new AppError('too_large', `all your uploads together hold at most ${quotaBytes} bytes`)
export const tooManyForms = () =>
  new AppError(
    'overloaded',
    'too many forms arrive at once, or too many of yours; ask for a ticket, or come back',
    {
      retryAfterMs: 2_000,
    },
  )
export const tooManyWrites = () =>
  new AppError('overloaded', 'too many resumable uploads arrive at once, or too many of yours', {
    retryAfterMs: 2_000,
  })
export const formBroken = (cause: unknown) =>
  new AppError('invalid_request', 'the form cannot be read, has too many fields, or broke off', { cause })
export const noFile = () => new AppError('invalid_request', 'a form with one file in it is asked for')
export const oneFileOnly = () =>
  new AppError('invalid_request', 'a form brings one file; send each in a form of its own')
export const tooManyPending = (max: number) =>
  new AppError('rate_limited', `complete some uploads first; at most ${max} may be open`, {
    retryAfterMs: 30_000,
  })
export const typeNotAccepted = () =>
  new AppError('unsupported_media', 'this type is not accepted; send it as application/octet-stream')
export const filmsNotTaken = () =>
  new AppError(
    'unsupported_media',
    'films and sounds are not taken here, because ffmpeg is not installed; send it as application/octet-stream',
  )
export const typeMismatch = () =>
  new AppError('unsupported_media', 'the content is not of the type that was declared')
export const sizeMismatch = () =>
  new AppError('invalid_request', 'the bytes are not as many as were declared')

export const tooManyPictures = () =>
  new AppError('overloaded', 'too many pictures are made at once', { retryAfterMs: 1_000 })
export const noMaps = () => new AppError('not_found', 'no maps are drawn here')
/** What went wrong is for the log; the provider's address, which holds a key, is in neither. */
export const mapUnavailable = (reason: string) =>
  new AppError('unavailable', 'the map cannot be drawn now', {
    cause: new Error(reason),
    retryAfterMs: 10_000,
  })

export const linkNotValid = () => new AppError('forbidden', 'this link is not valid, or no longer')
export const lengthRequired = () =>
  new AppError('invalid_request', 'content-length must be the declared number of bytes')
export const uploadInterrupted = (cause: unknown) =>
  new AppError('invalid_request', 'the upload broke off', { cause })
export const uploadTypeDiffers = () =>
  new AppError('unsupported_media', 'content-type must be the one the link was made for')
export const objectGone = () => new AppError('not_found', 'no such object')

export const storageUnavailable = (cause: unknown) =>
  new AppError('unavailable', 'storage cannot be reached', { cause, retryAfterMs: 1_000 })
export const completionTooSlow = () =>
  new AppError('unavailable', 'completing took too long', { retryAfterMs: 1_000 })
