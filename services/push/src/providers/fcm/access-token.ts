import type { KeyObject } from 'node:crypto'
import type { RedisClient } from '@parley/shared/redis'
import { SignJWT } from 'jose'
import type { Logger } from 'pino'
import { readGrant } from '../../credentials/grant.ts'
import { createSharedToken, type SharedToken } from '../../credentials/shared-token.ts'
import type { Http2Client } from '../../http2/client.ts'

export interface FcmAccount {
  clientEmail: string
  privateKeyId: string | undefined
  privateKey: KeyObject
  tokenUrl: string
}

interface AccessTokenOptions {
  redis: RedisClient
  log: Logger
  /** Connected to the origin of `tokenUrl`. */
  client: Http2Client
  account: FcmAccount
  minted: () => void
}

const scope = 'https://www.googleapis.com/auth/firebase.messaging'
const assertionSeconds = 3_600
const minute = 60_000

/**
 * The OAuth access token, got for a signed assertion (RFC 7523; Google, "Using OAuth 2.0 for server to server
 * applications"). It lives for an hour and is replaced ten minutes before, once for all workers.
 */
export function createAccessToken({ redis, log, client, account, minted }: AccessTokenOptions): SharedToken {
  const url = new URL(account.tokenUrl)

  async function mint() {
    minted()
    const answer = await client.send({
      method: 'POST',
      path: url.pathname,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({
        grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
        assertion: await assertion(account),
      }).toString(),
    })
    return readGrant('FCM', answer)
  }

  return createSharedToken({
    redis,
    log,
    name: `fcm:${account.clientEmail}`,
    mint,
    replaceEveryMs: minute,
  })
}

function assertion({ clientEmail, privateKey, privateKeyId, tokenUrl }: FcmAccount): Promise<string> {
  const now = Math.floor(Date.now() / 1_000)
  return new SignJWT({ scope })
    .setProtectedHeader({ alg: 'RS256', typ: 'JWT', ...(privateKeyId ? { kid: privateKeyId } : {}) })
    .setIssuer(clientEmail)
    .setAudience(tokenUrl)
    .setIssuedAt(now)
    .setExpirationTime(now + assertionSeconds)
    .sign(privateKey)
}
