import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { expect, test } from 'vitest'
import { checkPorts, findFreePorts } from '../src/ports.ts'

test('free ports are all different and pass the check', async () => {
  const ports = await findFreePorts()
  expect(new Set(Object.values(ports)).size).toBe(Object.values(ports).length)
  await checkPorts(ports)
})

test.for(['127.0.0.1', '0.0.0.0'])(
  'a port taken on %s is named with the variable that moves it',
  async (host) => {
    await using taken = createServer().listen(0, host)
    await once(taken, 'listening')
    const { port } = taken.address() as AddressInfo
    const ports = { ...(await findFreePorts()), app: port }
    await expect(checkPorts(ports)).rejects.toThrow(`port ${port} (PARLEY_PORT) is used by another program`)
  },
)
