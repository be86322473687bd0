import type { Failure, Form, Media } from '../db/schema.ts'

/** What is to be made of a checked file. Paths are local; whatever is made goes into `directory`. */
export interface Source {
  file: string
  directory: string
  contentType: string
}

type Facts = Pick<
  Media,
  'width' | 'height' | 'animated' | 'thumbhash' | 'durationMs' | 'waveform' | 'videoCodec' | 'audioCodec'
>

/** What was made of it, in local files that are still to be stored. */
export interface Derived {
  ok: true
  shown: { file: string; contentType: string }
  forms: (Omit<Form, 'key'> & { file: string })[]
  facts: Facts
}

/** The file is at fault, and always will be. */
export interface Refused {
  ok: false
  failure: Failure
}

export const refused = (failure: Failure): Refused => ({ ok: false, failure })

export const noFacts: Facts = {
  width: null,
  height: null,
  animated: false,
  thumbhash: null,
  durationMs: null,
  waveform: null,
  videoCodec: null,
  audioCodec: null,
}
