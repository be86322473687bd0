// The package has no types of its own; this is what we use of it.
declare module 'http_ece' {
  import type { ECDH } from 'node:crypto'

  /** RFC 8188, with the keys of RFC 8291 where `dh` is given. Keys are raw, or text in base64url. */
  export function encrypt(
    data: Buffer,
    params: { version: 'aes128gcm'; dh: string; privateKey: ECDH; authSecret: string },
  ): Buffer
}
