import { randomUUID } from 'node:crypto'
import type { SessionId } from '@parley/shared/ids'
import { expect, test } from 'vitest'
import { createSessionCheck } from './sessions.ts'

const newSession = () => randomUUID() as SessionId

function start() {
  const asked: SessionId[][] = []
  const ended = new Set<SessionId>()
  const clock = { now: 1_000_000 }
  const findEnded = async (sessionIds: SessionId[]) => {
    asked.push(sessionIds)
    return sessionIds.filter((id) => ended.has(id))
  }
  return { asked, ended, clock, check: createSessionCheck({ findEnded }, () => clock.now) }
}

test('a session that was alive is asked about again after five seconds', async () => {
  const { asked, ended, clock, check } = start()
  const session = newSession()
  expect(await check.hasEnded(session)).toBe(false)
  ended.add(session)
  clock.now += 4_999
  expect(await check.hasEnded(session)).toBe(false)
  clock.now += 1
  expect(await check.hasEnded(session)).toBe(true)
  expect(asked.length).toBe(2)
})

test('sessions asked about at once travel together', async () => {
  const { asked, check } = start()
  await Promise.all(Array.from({ length: 20 }, () => check.hasEnded(newSession())))
  expect(asked.map((batch) => batch.length)).toEqual([20])
})

test('of the sessions it remembers, the oldest makes room', async () => {
  const { asked, check } = start()
  const first = newSession()
  await check.hasEnded(first)
  for (let i = 0; i < 20; i++) {
    await Promise.all(Array.from({ length: 500 }, () => check.hasEnded(newSession())))
  }
  const before = asked.length
  await check.hasEnded(first)
  expect(asked.length).toBe(before + 1)
})
