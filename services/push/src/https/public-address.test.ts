import { expect, test } from 'vitest'
import { isPublicAddress, isPublicHost } from './public-address.ts'

test.for([
  ['93.184.215.14', true],
  ['2606:2800:21f:cb07:6820:80da:af6b:8b2c', true],
  ['127.0.0.1', false],
  ['10.1.2.3', false],
  ['172.16.0.1', false],
  ['192.168.1.1', false],
  ['169.254.169.254', false],
  ['100.64.0.1', false],
  ['0.0.0.0', false],
  ['224.0.0.1', false],
  ['255.255.255.255', false],
  ['198.18.0.1', false],
  ['::', false],
  ['::1', false],
  ['fe80::1', false],
  ['fd00:ec2::254', false],
  ['::ffff:127.0.0.1', false],
  ['::ffff:7f00:1', false],
  ['64:ff9b::a00:1', false],
  ['2002:7f00:1::', false],
  ['no address', false],
] as const)('P9 %s is a public address: %s', ([address, expected]) => {
  expect(isPublicAddress(address)).toBe(expected)
})

test.for([
  ['push.example.com', true],
  ['93.184.215.14', true],
  ['127.0.0.1', false],
  ['[::1]', false],
] as const)('P9 a URL with the host %s may be asked: %s', ([host, expected]) => {
  expect(isPublicHost(host)).toBe(expected)
})
