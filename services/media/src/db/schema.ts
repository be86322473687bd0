import type { MediaId, UserId } from '@parley/shared/ids'
import type { MediaObject } from '@parley/shared/media'
import type { ColumnType, Generated, Insertable, Selectable } from 'kysely'
import type { AvatarSide } from '../avatars/squares.ts'

export interface Database {
  media: MediaTable
  doomedObject: DoomedObjectTable
  mapPicture: MapPictureTable
}

/** `pending`: a ticket whose bytes are not checked. `processing`: checked, and an image is being made fit to show. */
export type MediaStatus = 'pending' | 'processing' | 'ready' | 'failed'

/**
 * Why media failed. A mismatch is refused at completion, the rest is found by the worker. `unprocessable`: it ended
 * or outlasted what reads it, more than once.
 */
export type Failure = NonNullable<MediaObject['failure']>
export type Stage = NonNullable<MediaObject['stage']>

/** What was made of media beside the media itself: a smaller picture, a sound in another format. */
export interface Form {
  name: 'thumbnail' | 'preview' | 'playable' | `avatar-${AvatarSide}`
  contentType: string
  key: string
  width?: number
  height?: number
}

interface MediaTable {
  id: MediaId
  ownerId: UserId
  status: Generated<MediaStatus>
  failure: Failure | null
  fileName: string
  declaredType: string
  /** Of the content, once it was looked at. */
  contentType: string | null
  /** As declared, then as stored. */
  sizeBytes: number
  width: number | null
  height: number | null
  animated: Generated<boolean>
  durationMs: number | null
  waveform: number[] | null
  videoCodec: string | null
  audioCodec: string | null
  thumbhash: string | null
  /** Where the upload link writes. Nothing is served from there. */
  incomingKey: string
  objectKey: string | null
  forms: ColumnType<Form[], string | undefined, string>
  /** While `processing`: what is being done. Null while it waits. */
  stage: Stage | null
  /** Times the file was given to a process that has not answered. */
  unansweredRuns: Generated<number>
  /** Until when the file is held to be in hand, so that two jobs for it do not run side by side. */
  runUntil: Date | null
  requeues: Generated<number>
  /** While `processing`: when the sweep takes it for forgotten. */
  checkAt: Date | null
  /** When the upload link ends. */
  expiresAt: Date
  /** When to look whether anything still needs it. Whoever is about to refer to it puts that off. */
  collectAt: Generated<Date>
  createdAt: Generated<Date>
}

/**
 * Objects that nothing refers to, and from when they may be removed. A key is written here before its object
 * is, and struck off in the transaction that first refers to it; so a crash in between leaves nothing behind.
 */
interface DoomedObjectTable {
  key: string
  dueAt: Date
}

/** A map that was drawn once, and until when it may be shown. */
interface MapPictureTable {
  /** Latitude, longitude and zoom. */
  place: string
  objectKey: string
  expiresAt: Date
}

export type Media = Selectable<MediaTable>
export type NewMedia = Insertable<MediaTable>
