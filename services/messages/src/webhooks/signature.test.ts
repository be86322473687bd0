import { expect, test } from 'vitest'
import { sign } from './signature.ts'

// The example that the libraries of standardwebhooks.com are tested with.
test('signs as Standard Webhooks does, once for each secret', () => {
  const message = {
    id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    timestamp: 1614265330,
    body: '{"test": 2432232314}',
  }
  const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
  const signature = 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE='
  expect(sign([secret], message)).toBe(signature)
  expect(sign([secret, secret], message)).toBe(`${signature} ${signature}`)
})
