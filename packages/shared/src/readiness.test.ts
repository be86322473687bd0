import { expect, test } from 'vitest'
import { createReadiness } from './readiness.ts'

test('a process that leaves is not ready from that moment, whatever its check says', async () => {
  const readiness = createReadiness()
  await readiness.ready()
  const left = readiness.leave()
  await expect(readiness.ready()).rejects.toMatchObject({ code: 'draining' })
  await left
})

test('many probes at the same moment are one check', async () => {
  let checks = 0
  const readiness = createReadiness(async () => void checks++)
  await Promise.all(Array.from({ length: 50 }, () => readiness.ready()))
  expect(checks).toBe(1)
})

test('a failed check is what each probe hears', async () => {
  const readiness = createReadiness(() => Promise.reject(new Error('no database')))
  const probes = await Promise.allSettled([readiness.ready(), readiness.ready()])
  expect(probes.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
})
