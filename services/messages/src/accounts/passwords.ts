import { randomBytes, scrypt, type ScryptOptions, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { createHashingGate } from './hashing-gate.ts'

const derive = promisify<string, Buffer, number, ScryptOptions, Buffer>(scrypt)
const keyBytes = 32
const blockSize = 8
/** With cost 2^15 this is one of the settings of the OWASP password storage cheat sheet. */
const parallelization = 3

/** `scrypt$<log2 cost>$<salt>$<key>`, so that the cost can be raised without losing old passwords. */
export async function hashPassword(
  password: string,
  { scryptCost }: { scryptCost: number },
): Promise<string> {
  const salt = randomBytes(16)
  const key = await deriveKey(password, salt, scryptCost)
  return `scrypt$${scryptCost}$${salt.toString('base64url')}$${key.toString('base64url')}`
}

/** Does the same work where there is no account, so that time does not tell which user ids exist. */
export async function verifyPassword(password: string, hash: string | null | undefined): Promise<boolean> {
  const [, cost = '15', salt = '', key = ''] = hash?.split('$') ?? []
  const derived = await deriveKey(password, Buffer.from(salt, 'base64url'), Number(cost))
  const expected = Buffer.from(key, 'base64url')
  return derived.length === expected.length && timingSafeEqual(derived, expected)
}

const inTurn = createHashingGate()

function deriveKey(password: string, salt: Buffer, cost: number): Promise<Buffer> {
  const memory = 128 * blockSize * 2 ** cost
  // One password may be typed with composed or decomposed characters.
  const options = { N: 2 ** cost, r: blockSize, p: parallelization, maxmem: 2 * memory }
  return inTurn(() => derive(password.normalize('NFKC'), salt, keyBytes, options))
}
