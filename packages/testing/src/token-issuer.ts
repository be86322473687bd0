import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tokenAlgorithm, tokenAudience, tokenIssuer } from '@parley/shared/own-token'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'

export interface TokenRequest {
  userId: string
  deviceId?: string
  sessionId?: string
  platform?: string
  /** From now, as jose reads it: `15m`, `2 hours`, or `-5m` for a token that has ended. */
  expiresIn?: string
}

export interface TokenIssuer extends AsyncDisposable {
  jwksUrl: string
  sign(request: TokenRequest): Promise<string>
  /** Signs by a new key from here on, and publishes no other. */
  rotate(): Promise<void>
}

/** Stands where messages stands for every other service: signs access tokens and publishes the key they are checked by. */
export async function startTokenIssuer(): Promise<TokenIssuer> {
  let signing = await newKey()
  const server = createServer((_request, response) => {
    response
      .writeHead(200, { 'content-type': 'application/jwk-set+json' })
      .end(JSON.stringify({ keys: [signing.jwk] }))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')

  return {
    jwksUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks.json`,
    sign: ({
      userId,
      deviceId = 'device-1',
      sessionId = randomUUID(),
      platform = 'web',
      expiresIn = '15m',
    }) =>
      new SignJWT({ did: deviceId, sid: sessionId, plat: platform })
        .setProtectedHeader({ alg: tokenAlgorithm, kid: signing.jwk.kid })
        .setIssuer(tokenIssuer)
        .setAudience(tokenAudience)
        .setSubject(userId)
        .setIssuedAt()
        .setExpirationTime(expiresIn)
        .sign(signing.privateKey),
    async rotate() {
      signing = await newKey()
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

async function newKey() {
  const { privateKey, publicKey } = await generateKeyPair(tokenAlgorithm, { crv: 'Ed25519' })
  const jwk = { ...(await exportJWK(publicKey)), kid: randomUUID(), alg: tokenAlgorithm, use: 'sig' }
  return { privateKey, jwk }
}
