import { createBatcher } from '@parley/shared/batcher'
import { AppError } from '@parley/shared/errors'
import type { UserId } from '@parley/shared/ids'
import { createLogger } from '@parley/shared/log'
import type { VisibleAsk, VisibleUser } from '@parley/shared/rpc'
import { expect, test, vi } from 'vitest'
import type { ChatSocket } from '../realtime.ts'
import { startRechecks } from './rechecks.ts'
import { newWatched } from './watched.ts'

const log = createLogger('test', { level: 'silent' })
const star = 'star' as UserId

/** So many users who watch one, and what messages says of them. */
function createCrowd(
  size: number,
  answer: (asks: VisibleAsk[]) => ({ visible: VisibleUser[] } | AppError)[],
) {
  const sockets = new Map(
    Array.from({ length: size }, (_, i): [UserId, ChatSocket] => {
      const userId = `fan-${i}` as UserId
      return [userId, { data: { identity: { userId } } } as ChatSocket]
    }),
  )
  const hidden = new Set<UserId>()
  const { add } = createBatcher<VisibleAsk, { visible: VisibleUser[] }>({
    maxBatch: 50,
    maxQueued: 1_000,
    run: (asks) => Promise.resolve(answer(asks)),
  })
  const rechecks = startRechecks({
    log,
    messages: { visible: add },
    registry: { socketsOf: (userId) => [sockets.get(userId)].filter((socket) => socket !== undefined) },
    book: {
      watched: new Map([[star, { ...newWatched(), watchers: new Set(sockets.values()) }]]),
      watchedBy: () => [star],
    },
    hide: (seenBy) => void hidden.add(seenBy),
  })
  return { rechecks, hidden, userIds: [...sockets.keys()] }
}

const seesAll = (asks: VisibleAsk[]) =>
  asks.map(({ otherIds }) => ({ visible: otherIds.map((userId) => ({ userId })) }))

test('P10 more watchers than messages takes in at once are asked about page by page, and nobody is hidden', async () => {
  const { rechecks, hidden, userIds } = createCrowd(3_000, seesAll)
  await using _ = rechecks
  await rechecks.now([star])
  expect(hidden.size).toBe(0)
  expect(userIds).toHaveLength(3_000)
})

test('P9 those who are in doubt are asked about until messages answers, and nobody is hidden before', async () => {
  let away = 700
  const { rechecks, hidden, userIds } = createCrowd(1_500, (asks) =>
    asks.map(() => (away-- > 0 ? new AppError('unavailable', 'restarting') : { visible: [] })),
  )
  await using _ = rechecks
  rechecks.soon(userIds)
  await vi.waitUntil(() => hidden.size > 0)
  expect(away).toBeLessThan(0)
  await vi.waitUntil(() => hidden.size === userIds.length, { timeout: 5_000 })
})
