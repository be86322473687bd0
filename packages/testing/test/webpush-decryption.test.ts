import { createECDH } from 'node:crypto'
import { decryptWebPush } from '@parley/testing/webpush-decryption'
import { expect, test } from 'vitest'

const secrets = () => {
  const ecdh = createECDH('prime256v1')
  ecdh.setPrivateKey('q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94', 'base64url')
  return { ecdh, auth: Buffer.from('BTBZMqHH6r4Tts7J_aSIgg', 'base64url') }
}
// RFC 8291, section 5.
const example = Buffer.from(
  'DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN',
  'base64url',
)

test('the example of RFC 8291 is read', () => {
  expect(decryptWebPush(example, secrets())).toBe('When I grow up, I want to be a watermelon')
})

test('a changed byte is noticed', () => {
  const changed = Buffer.from(example)
  changed.writeUInt8(changed.readUInt8(100) ^ 1, 100)
  expect(decryptWebPush(changed, secrets())).toBeUndefined()
  expect(decryptWebPush(Buffer.alloc(10), secrets())).toBeUndefined()
})
