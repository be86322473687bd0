import { expect, test } from 'vitest'
import { createHashingGate } from './hashing-gate.ts'

test('P10 four hash at a time, a hundred wait, and whoever comes after that is asked to come again', async () => {
  const gate = createHashingGate()
  const begun: (() => void)[] = []
  const hash = () => gate(() => new Promise<void>((resolve) => begun.push(resolve)))
  const letIn = Array.from({ length: 104 }, hash)
  expect(begun).toHaveLength(4)
  await expect(hash()).rejects.toMatchObject({ code: 'overloaded', retryAfterMs: 2_000 })

  // Each that ends lets the next one in, whether it went well or not.
  for (let i = 0; i < letIn.length; i++) {
    begun[i]?.()
    await letIn[i]
  }
  expect(begun).toHaveLength(104)
  await expect(gate(() => Promise.reject(new Error('no memory')))).rejects.toThrow('no memory')
  await expect(gate(async () => 'hashed')).resolves.toBe('hashed')
})
