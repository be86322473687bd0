import { SignJWT } from 'jose'

/** What services are told of an operator's back end that signs access tokens itself. */
export const operatorTokenEnv = {
  USER_TOKEN_ISSUER: 'shop',
  USER_TOKEN_SECRET: 'a secret of the back end, long enough',
}

const key = new TextEncoder().encode(operatorTokenEnv.USER_TOKEN_SECRET)

/** An access token as that back end would sign it: whoever shows it has an account and a session from then on. */
export function signOperatorToken({
  userId,
  deviceId,
}: {
  userId: string
  deviceId: string
}): Promise<string> {
  return new SignJWT({ did: deviceId, plat: 'ios' })
    .setProtectedHeader({ alg: 'HS256' })
    .setIssuer(operatorTokenEnv.USER_TOKEN_ISSUER)
    .setAudience('parley')
    .setSubject(userId)
    .setIssuedAt()
    .setExpirationTime('1h')
    .sign(key)
}
