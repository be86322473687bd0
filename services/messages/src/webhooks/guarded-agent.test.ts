import { expect, test } from 'vitest'
import { createAddressCheck } from './guarded-agent.ts'

test.for([
  ['8.8.8.8', true],
  ['172.15.0.1', true],
  ['172.32.0.1', true],
  ['2606:4700::1111', true],
  ['127.0.0.1', false],
  ['0.0.0.0', false],
  ['10.1.2.3', false],
  ['172.16.0.1', false],
  ['192.168.1.1', false],
  ['169.254.169.254', false],
  ['100.64.0.1', false],
  ['224.0.0.1', false],
  ['255.255.255.255', false],
  ['::1', false],
  ['::', false],
  ['::ffff:127.0.0.1', false],
  ['::ffff:8.8.8.8', false],
  ['64:ff9b::a00:1', false],
  ['fe80::1', false],
  ['fd00::1', false],
  ['ff02::1', false],
  ['2002:7f00:1::', false],
  ['localhost', false],
  ['', false],
] as const)('%s may be connected to: %s', ([address, may]) => {
  expect(createAddressCheck([])(address)).toBe(may)
})

test('a private network is reached where the operator allows it by name, and no other', () => {
  const check = createAddressCheck(['10.1.0.0/16', 'fd00::/8', '127.0.0.1'])
  expect(['10.1.9.9', 'fd12::1', '127.0.0.1', '8.8.8.8'].map(check)).toEqual([true, true, true, true])
  expect(['10.2.0.1', 'fe80::1', '127.0.0.2'].map(check)).toEqual([false, false, false])
})
