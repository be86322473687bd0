import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'

export interface Secrets {
  postgresPassword: string
  internalSecret: string
  linkSecret: string
  /** Ed25519, PKCS #8, PEM. */
  signingKeyPem: string
  signingKeyFile: string
}

/** The secrets of a stack, made on its first start and kept in files that only their owner may read. */
export function loadSecrets(dir: string): Secrets {
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  const random = () => randomBytes(32).toString('base64url')
  const signingKeyFile = path.join(dir, 'auth-signing-key.pem')
  return {
    postgresPassword: keep(path.join(dir, 'postgres-password'), random),
    internalSecret: keep(path.join(dir, 'internal-secret'), random),
    linkSecret: keep(path.join(dir, 'link-secret'), random),
    signingKeyPem: keep(signingKeyFile, makeSigningKey),
    signingKeyFile,
  }
}

function keep(file: string, make: () => string): string {
  try {
    return readFileSync(file, 'utf8').trim()
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause
    const secret = make()
    writeFileSync(file, `${secret}\n`, { mode: 0o600, flag: 'wx' })
    return secret
  }
}

function makeSigningKey(): string {
  return generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString().trim()
}
