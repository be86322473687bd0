import { createHmac, type KeyObject, generateKeyPairSync } from 'node:crypto'
import { createLocalJWKSet, exportJWK, SignJWT } from 'jose'
import { expect, test } from 'vitest'
import { openOwnToken } from './own-token.ts'

const ours = generateKeyPairSync('ed25519')
const jwk = { ...(await exportJWK(ours.publicKey)), kid: 'one' }
const keys = createLocalJWKSet({ keys: [{ ...jwk, alg: 'EdDSA', use: 'sig' }] })
const now = Math.floor(Date.now() / 1_000)
const right = { iss: 'parley', aud: 'parley', sub: 'alice', exp: now + 60 }

const sign = (claims: Record<string, unknown> = {}, header: object = {}, key: KeyObject = ours.privateKey) =>
  new SignJWT({ ...right, ...claims })
    .setProtectedHeader({ alg: 'EdDSA', kid: 'one', ...header })
    .sign(key, { crit: { exotic: true } })

const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')

test('P9 a token that we signed is opened, also with a clock that is a little off', async () => {
  expect(await openOwnToken(await sign(), keys)).toEqual(right)
  await expect(openOwnToken(await sign({ exp: now - 20 }), keys)).resolves.toMatchObject({ sub: 'alice' })
  await expect(openOwnToken(await sign({ nbf: now + 20 }), keys)).resolves.toMatchObject({ sub: 'alice' })
})

test('P9 a token that has ended is told from one that is not valid', async () => {
  await expect(openOwnToken(await sign({ exp: now - 40 }), keys)).rejects.toMatchObject({
    code: 'token_expired',
  })
})

test('P9 a token that has ended and was not signed by us is not valid', async () => {
  const stranger = generateKeyPairSync('ed25519').privateKey
  await expect(openOwnToken(await sign({ exp: now - 40 }, {}, stranger), keys)).rejects.toMatchObject({
    code: 'unauthenticated',
  })
})

const [header = '', payload = '', signature = ''] = (await sign()).split('.')
const rawPublicKey = Buffer.from(jwk.x ?? '', 'base64url')
const confused = `${encode({ alg: 'HS256', kid: 'one' })}.${payload}`

test.for([
  ['nothing at all', ''],
  ['two parts', `${header}.${payload}`],
  ['four parts', `${header}.${payload}.${signature}.`],
  ['no signature', `${encode({ alg: 'none' })}.${payload}.`],
  ['another algorithm in its header', `${encode({ alg: 'ES256', kid: 'one' })}.${payload}.${signature}`],
  [
    'the public key as a secret',
    `${confused}.${createHmac('sha256', rawPublicKey).update(confused).digest('base64url')}`,
  ],
  ['other claims than were signed', `${header}.${encode({ ...right, sub: 'mallory' })}.${signature}`],
  [
    'another header than was signed',
    `${encode({ alg: 'EdDSA', kid: 'one', typ: 'x' })}.${payload}.${signature}`,
  ],
  ['a signature that was cut', `${header}.${payload}.${signature.slice(0, -1)}`],
  ['a header that is no JSON', `${Buffer.from('{').toString('base64url')}.${payload}.${signature}`],
  ['the key of somebody else', await sign({}, {}, generateKeyPairSync('ed25519').privateKey)],
  ['something that must be understood', await sign({}, { crit: ['exotic'], exotic: 1 })],
  ['another issuer', await sign({ iss: 'somebody' })],
  ['another audience', await sign({ aud: 'logout' })],
  ['no end', await sign({ exp: undefined })],
  ['a time before which it is not valid', await sign({ nbf: now + 60 })],
] as const)('P9 a token with %s is not valid', async ([, token]) => {
  await expect(openOwnToken(token, keys)).rejects.toMatchObject({ code: 'unauthenticated' })
})

test('P9 a token that names a key that is not published is refused', async () => {
  await expect(openOwnToken(await sign({}, { kid: 'two' }), keys)).rejects.toMatchObject({
    code: 'ERR_JWKS_NO_MATCHING_KEY',
  })
})
