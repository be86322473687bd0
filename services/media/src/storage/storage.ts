import { randomUUID } from 'node:crypto'
import type { DataStore } from '@tus/server'

/** Where the bytes are. Two drivers, one behaviour; `test/storage.test.ts` holds both to it. */
export interface Storage extends AsyncDisposable {
  /** The longest that an upload goes on which began before its link ended. */
  uploadLastsMs: number
  /**
   * Where a client puts the bytes of one object. The link takes exactly the declared length and type, until it
   * ends; until then it may be used again, so what it wrote is copied before it is checked.
   */
  uploadLink(key: string, terms: UploadTerms): Promise<UploadLink>
  /** The same as a form that a browser posts. Absent where the store does not hold forms to their terms. */
  formLink?: (key: string, terms: UploadTerms) => Promise<FormLink>
  /** Where a client puts the parts of one object, in any order and side by side; all but the last are of one size. */
  partLinks(key: string, terms: PartTerms): Promise<PartLinks>
  /** Makes an object of its parts, by what the store itself has. False until all of them are there; done again it is the same. */
  assemble(key: string, sizes: Pick<PartTerms, 'sizeBytes' | 'partSizeBytes'>): Promise<boolean>
  /** Gathers the bytes of resumable uploads, by key, for the tus protocol. There is no object before `finishResumable`. */
  resumable(ttlSeconds: number): DataStore
  /** Makes an object of a resumable upload whose last byte is there; done again it is the same. */
  finishResumable(key: string, sizeBytes: number): Promise<void>
  /** Where a client gets the bytes, by range too, under the type and name given here. */
  downloadLink(key: string, terms: DownloadTerms): Promise<string>
  /** An object's size and its first bytes, or those from a place within it. */
  peek(key: string, bytes: number, from?: number): Promise<{ sizeBytes: number; start: Buffer } | undefined>
  /** False when there is no such object. Later writes to `from` do not reach `to`. */
  copy(from: string, to: string): Promise<boolean>
  /** Writes an object to a local file. False when there is no such object. */
  fetchFile(key: string, file: string): Promise<boolean>
  /** Stores a local file; when this returns the object survives a crash. */
  putFile(key: string, file: string): Promise<void>
  /**
   * Objects, and what has arrived of one that was never made. What is not there counts as removed. Gives those that stay,
   * which the store keeps by a rule of its own, say. At most 300 keys.
   */
  remove(keys: string[]): Promise<Kept[]>
}

export interface Kept {
  key: string
  cause: unknown
}

export interface UploadTerms {
  contentType: string
  sizeBytes: number
  ttlSeconds: number
}

export interface UploadLink {
  method: 'PUT'
  url: string
  headers: Record<string, string>
}

export interface FormLink {
  method: 'POST'
  url: string
  /** To be sent before the file, whose field is `file`. */
  fields: Record<string, string>
}

export interface PartTerms {
  sizeBytes: number
  partSizeBytes: number
  ttlSeconds: number
}

export interface PartLinks {
  method: 'PUT'
  headers: Record<string, string>
  /** Of every part but the last. */
  partSizeBytes: number
  parts: { url: string; sizeBytes: number }[]
}

export interface DownloadTerms {
  contentType: string
  disposition: string
  ttlSeconds: number
}

/** Where bytes arrive, in one piece, in parts, or by and by; and what is given out. */
type Area = 'incoming' | 'parts' | 'tus' | 'media' | 'form'

/** An object's name: server-made, random, by month, so that nobody can guess it or put a path in it. */
export function newKey(area: Area, now = new Date()): string {
  return `${area}/${now.toISOString().slice(0, 7)}/${randomUUID()}`
}

export const isIn = (area: Area, key: string) => key.startsWith(`${area}/`)

/** What tus clients may ask for; the length is known from the start, because quota and limits are. */
export const resumableExtensions = ['creation', 'creation-with-upload', 'expiration', 'termination']

const partBytes = 32 * 1024 ** 2

/** So that five gigabytes are 160 links; stores take parts of 5 MB and more, and at most 10,000. */
export const partSizeOf = (sizeBytes: number) => Math.min(sizeBytes, partBytes)

/** The sizes of the parts of an object, in order. */
export function partSizes({
  sizeBytes,
  partSizeBytes,
}: Pick<PartTerms, 'sizeBytes' | 'partSizeBytes'>): number[] {
  const count = Math.ceil(sizeBytes / partSizeBytes)
  return Array.from({ length: count }, (_, i) => Math.min(partSizeBytes, sizeBytes - i * partSizeBytes))
}
