import { createPublicKey, type KeyObject } from 'node:crypto'
import { tokenAlgorithm } from '@parley/shared/own-token'
import { type CryptoKey, calculateJwkThumbprint, exportJWK, importPKCS8, type JSONWebKeySet } from 'jose'

/** The key that signs access tokens, and what others need to check them. */
export interface SigningKey {
  privateKey: CryptoKey
  publicKey: KeyObject
  keyId: string
  jwks: JSONWebKeySet
}

/** The key's id is its thumbprint (RFC 7638), so every instance with the same key names it alike. */
export async function loadSigningKey(pem: string): Promise<SigningKey> {
  const privateKey = await importPKCS8(pem, tokenAlgorithm)
  const publicKey = createPublicKey(pem)
  const publicJwk = await exportJWK(publicKey)
  const keyId = await calculateJwkThumbprint(publicJwk)
  return {
    privateKey,
    publicKey,
    keyId,
    jwks: { keys: [{ ...publicJwk, kid: keyId, alg: tokenAlgorithm, use: 'sig' }] },
  }
}
