import { createDecipheriv, type ECDH, hkdfSync } from 'node:crypto'

export interface SubscriptionSecrets {
  ecdh: ECDH
  auth: Buffer
}

const tagBytes = 16
const keyBytes = 65

/**
 * The text a browser would read out of a push, undefined if it could not: RFC 8188's aes128gcm in one record, with
 * the keys of RFC 8291. Written from the two texts alone, so that it judges what the sender's library makes.
 */
export function decryptWebPush(message: Buffer, { ecdh, auth }: SubscriptionSecrets): string | undefined {
  try {
    const salt = message.subarray(0, 16)
    const keyIdLength = message.readUInt8(20)
    const sender = message.subarray(21, 21 + keyIdLength)
    const record = message.subarray(21 + keyIdLength)
    // One record, not longer than the record size that the header names.
    if (keyIdLength !== keyBytes || record.length > message.readUInt32BE(16)) return undefined
    const info = Buffer.concat([Buffer.from('WebPush: info\0'), ecdh.getPublicKey(), sender])
    const ikm = hkdf(ecdh.computeSecret(sender), auth, info, 32)
    const key = hkdf(ikm, salt, Buffer.from('Content-Encoding: aes128gcm\0'), 16)
    const nonce = hkdf(ikm, salt, Buffer.from('Content-Encoding: nonce\0'), 12)
    const decipher = createDecipheriv('aes-128-gcm', key, nonce, { authTagLength: tagBytes })
    decipher.setAuthTag(record.subarray(-tagBytes))
    const padded = Buffer.concat([decipher.update(record.subarray(0, -tagBytes)), decipher.final()])
    // The last record ends with the delimiter 2 and any number of zeros.
    const end = padded.findLastIndex((byte) => byte !== 0)
    return padded[end] === 2 ? padded.subarray(0, end).toString('utf8') : undefined
  } catch {
    return undefined
  }
}

function hkdf(secret: Buffer, salt: Buffer, info: Buffer, length: number): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, salt, info, length))
}
