import { expect, test } from 'vitest'
import { createAddressGuard } from './address-guard.ts'

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
  ['198.18.0.1', false],
  ['224.0.0.1', false],
  ['255.255.255.255', false],
  ['::1', false],
  ['::', false],
  ['::ffff:127.0.0.1', false],
  ['::ffff:8.8.8.8', false],
  ['64:ff9b::a00:1', false],
  ['fe80::1', false],
  ['fd00:ec2::254', false],
  ['ff02::1', false],
  ['2001:db8::1', false],
  ['2002:7f00:1::', false],
  ['4000::1', false],
  ['127.1', false],
  ['localhost', false],
  ['', false],
] as const)('P9 %s may be connected to at the word of others: %s', ([address, may]) => {
  expect(createAddressGuard().mayConnect(address)).toBe(may)
})

test('a private network is reached where the operator names it, and no other', () => {
  const { mayConnect } = createAddressGuard(['10.1.0.0/16', 'fd00::/8', '127.0.0.1'])
  expect(['10.1.9.9', 'fd12::1', '127.0.0.1', '8.8.8.8'].map(mayConnect)).toEqual([true, true, true, true])
  expect(['10.2.0.1', 'fe80::1', '127.0.0.2'].map(mayConnect)).toEqual([false, false, false])
  expect(() => createAddressGuard(['10.1.0.0/99'])).toThrow('CIDR')
})

test.for([
  ['push.example.com', true],
  ['93.184.215.14', true],
  ['127.0.0.1', false],
  ['[::1]', false],
] as const)('P9 a URL with the host %s may be asked: %s', ([host, may]) => {
  expect(createAddressGuard().mayAsk(host)).toBe(may)
})

test('P9 a name that means this machine is not connected to', async () => {
  const failure = await new Promise((done) =>
    createAddressGuard().lookup('localhost', { all: true }, (err) => done(err)),
  )
  expect(failure).toMatchObject({ name: 'PrivateAddressError' })
})
