import type { MediaId, UserId } from '@parley/shared/ids'
import type { Generated, Insertable, Selectable } from 'kysely'

export interface Database {
  media: MediaTable
  doomedObject: DoomedObjectTable
}

/** `pending`: a ticket whose bytes are not checked. `processing`: checked, and an image is being made fit to show. */
export type MediaStatus = 'pending' | 'processing' | 'ready' | 'failed'

/** Why media failed. The first two are refused at completion, the others found by the worker. */
export type Failure =
  | 'size_mismatch'
  | 'type_mismatch'
  | 'unreadable'
  | 'too_many_pixels'
  /** It ended or outlasted the process that reads images, more than once. */
  | 'unprocessable'

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
  thumbnailWidth: number | null
  thumbnailHeight: number | null
  thumbhash: string | null
  /** Where the upload link writes. Nothing is served from there. */
  incomingKey: string
  objectKey: string | null
  thumbnailKey: string | null
  /** Times the file was given to a process that has not answered. */
  unansweredRuns: Generated<number>
  /** Until when the file is held to be in hand, so that two jobs for it do not run side by side. */
  runUntil: Date | null
  requeues: Generated<number>
  /** While `processing`: when the sweep takes it for forgotten. */
  checkAt: Date | null
  /** When the upload link ends. */
  expiresAt: Date
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

export type Media = Selectable<MediaTable>
export type NewMedia = Insertable<MediaTable>
