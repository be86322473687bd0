// Makes the secrets of docker-compose.yml on the first start, one file each, and leaves those that exist alone.
// To use one of your own, write its file before the first start.
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'

const dir = process.argv[2] ?? '/secrets'
mkdirSync(dir, { recursive: true })
const random = (bytes) => randomBytes(bytes).toString('hex')

const password = keep('postgres-password', () => random(24))
keep('database-url', () => `postgres://parley:${password}@postgres:5432/parley`)
keep('internal-secret', () => random(32))
keep('auth-signing-key', () =>
  generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
)
keep('s3-access-key', () => random(10))
keep('s3-secret-key', () => random(24))

function keep(name, make) {
  const file = path.join(dir, name)
  // The group is the one services run as; nobody else may read them.
  if (!existsSync(file)) writeFileSync(file, make(), { mode: 0o440 })
  return readFileSync(file, 'utf8').trim()
}
