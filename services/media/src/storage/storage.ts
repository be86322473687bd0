import { randomUUID } from 'node:crypto'

/** Where the bytes are. Two drivers, one behaviour; `test/storage.test.ts` holds both to it. */
export interface Storage extends AsyncDisposable {
  /**
   * Where a client puts the bytes of one object. The link takes exactly the declared length and type, until it
   * ends; until then it may be used again, so what it wrote is copied before it is checked.
   */
  uploadLink(key: string, terms: UploadTerms): Promise<UploadLink>
  /** Where a client gets the bytes, by range too, under the type and name given here. */
  downloadLink(key: string, terms: DownloadTerms): Promise<string>
  /** An object's size and its first bytes. */
  peek(key: string, bytes: number): Promise<{ sizeBytes: number; start: Buffer } | undefined>
  /** False when there is no such object. Later writes to `from` do not reach `to`. */
  copy(from: string, to: string): Promise<boolean>
  /** Writes an object to a local file. False when there is no such object. */
  fetchFile(key: string, file: string): Promise<boolean>
  /** Stores a local file; when this returns the object survives a crash. */
  putFile(key: string, file: string): Promise<void>
  /** What is not there counts as removed. At most 1,000 keys. */
  remove(keys: string[]): Promise<void>
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

export interface DownloadTerms {
  contentType: string
  disposition: string
  ttlSeconds: number
}

/** An object's name: server-made, random, by month, so that nobody can guess it or put a path in it. */
export function newKey(area: 'incoming' | 'media' | 'form', now = new Date()): string {
  return `${area}/${now.toISOString().slice(0, 7)}/${randomUUID()}`
}
