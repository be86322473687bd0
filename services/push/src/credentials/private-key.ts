import { createECDH, createPrivateKey, type KeyObject } from 'node:crypto'
import { z } from 'zod'

/** A P-256 key in PEM, as Apple's .p8 files are. */
export const EcKey = z.string().transform((pem, issues) => {
  const key = readPem(pem)
  if (key?.asymmetricKeyDetails?.namedCurve === 'prime256v1') return key
  issues.addIssue(key ? 'not a P-256 key' : notPem)
  return z.NEVER
})

/** An RSA key in PEM, as in Google's service account files. */
export const RsaKey = z.string().transform((pem, issues) => {
  const key = readPem(pem)
  if (key?.asymmetricKeyType === 'rsa') return key
  issues.addIssue(key ? 'its key is not an RSA key' : notPem)
  return z.NEVER
})

/** A P-256 key in PEM, or its 32 bytes in base64url, which is the form tools for VAPID give out. */
export const VapidKey = z.string().transform((text, issues) => {
  const key = text.includes('BEGIN') ? readPem(text) : readScalar(text)
  if (key?.asymmetricKeyDetails?.namedCurve === 'prime256v1') return key
  issues.addIssue('not a P-256 key, neither in PEM nor in base64url')
  return z.NEVER
})

const notPem = 'not a private key in PEM'

// Causes are left out: OpenSSL's errors may quote what they could not read.
function readPem(pem: string): KeyObject | undefined {
  try {
    // A variable of one line writes its line ends as \n.
    return createPrivateKey(pem.replaceAll('\\n', '\n'))
  } catch {
    return undefined
  }
}

function readScalar(text: string): KeyObject | undefined {
  try {
    const ecdh = createECDH('prime256v1')
    ecdh.setPrivateKey(text, 'base64url')
    const point = ecdh.getPublicKey()
    const [x, y] = [point.subarray(1, 33).toString('base64url'), point.subarray(33).toString('base64url')]
    return createPrivateKey({ format: 'jwk', key: { kty: 'EC', crv: 'P-256', d: text, x, y } })
  } catch {
    return undefined
  }
}
