import { z } from 'zod'
import { MediaId } from './ids.ts'

/** What a profile or a group shows for a picture: media, or the address of a picture elsewhere. */
export const Picture = z.union([
  MediaId,
  z.url({ protocol: /^https$/ }).refine((url) => Buffer.byteLength(url) <= 100, 'at most 100 bytes'),
])

const Size = z.object({ width: z.int(), height: z.int() })

/** What a chat shows of a media object. */
export const MediaFacts = z.object({
  mediaId: z.string(),
  contentType: z.string(),
  sizeBytes: z.int(),
  fileName: z.string(),
  /** In pixels, as it is seen: upright, and with square pixels. */
  width: z.int().optional(),
  height: z.int().optional(),
  /** A picture that moves; its thumbnail does not. */
  animated: z.boolean().optional(),
  /** A picture to show in its place, at most 300 pixels long: of a film, a frame near its beginning. */
  thumbnail: Size.optional(),
  /** The same at most 1,280 pixels long. Absent where the media itself is a picture no larger than that. */
  preview: Size.optional(),
  /** Base64 of a thumbhash: a blurred picture in some 25 bytes. */
  thumbhash: z.string().optional(),
  /** Of a film or sound, as measured. */
  durationMs: z.int().optional(),
  /** How loud 64 equal parts of a sound are, each 0 to 31. */
  waveform: z.array(z.int().min(0).max(31)).optional(),
  /** As ffprobe calls them: `h264`, `aac`. */
  codecs: z.object({ video: z.string().optional(), audio: z.string().optional() }).optional(),
})
export type MediaFacts = z.output<typeof MediaFacts>

/** What the owner of media is told of it, by HTTP and as the event `media:changed`. */
export const MediaObject = MediaFacts.extend({
  status: z.enum(['processing', 'ready', 'failed']),
  /** With `processing`: what is being done, in this order. */
  stage: z.enum(['waiting', 'scanning', 'deriving', 'storing']).optional(),
  /** With `failed`: why, for good. */
  failure: z
    .enum([
      'size_mismatch',
      'type_mismatch',
      'too_large',
      'malware',
      'unreadable',
      'unsupported_codec',
      'too_many_pixels',
      'too_long',
      'unprocessable',
    ])
    .optional(),
  createdAt: z.iso.datetime(),
})
export type MediaObject = z.output<typeof MediaObject>
