import { openQueue } from '@parley/shared/jobs'
import { createLogger } from '@parley/shared/log'
import { mediaProcessing } from '@parley/shared/queues'
import { openRedis } from '@parley/shared/redis'
import { startPrivateRedis } from '@parley/testing/redis'
import { expect, test as base } from 'vitest'
import { loadConfig } from '../src/config.ts'
import { startBullBoard } from '../src/service.ts'

const test = base
  .extend('redisUrl', { scope: 'file' }, async ({}, { onCleanup }) => {
    const redis = await startPrivateRedis()
    onCleanup(() => redis[Symbol.asyncDispose]())
    return redis.url
  })
  .extend('board', { scope: 'file' }, async ({ redisUrl }, { onCleanup }) => {
    const config = { HOST: '127.0.0.1', PORT: '0', LOG_LEVEL: 'silent', REDIS_URL: redisUrl }
    const board = await startBullBoard(loadConfig(config))
    onCleanup(() => board[Symbol.asyncDispose]())
    return board
  })
  .extend('addJob', async ({ redisUrl }, { onCleanup }) => {
    const log = createLogger('test', { level: 'silent' })
    const redis = openRedis({ url: redisUrl }, log)
    const queue = openQueue(mediaProcessing, redis, log)
    onCleanup(async () => {
      await queue[Symbol.asyncDispose]()
      redis.disconnect()
    })
    return (id: string) => queue.add([{ id, data: { mediaId: 'm1' } }])
  })

test('shows every queue with the jobs that wait in it', async ({ board, addJob }) => {
  await addJob('shown')
  const response = await fetch(`${board.url}/api/queues?activeQueue=media-process`)
  const { queues } = (await response.json()) as { queues: { name: string; counts: { waiting: number } }[] }
  expect(queues.map(({ name }) => name)).toEqual(expect.arrayContaining(['push-chat', 'push-withdrawal']))
  expect(queues.find(({ name }) => name === 'media-process')?.counts.waiting).toBe(1)
  const page = await fetch(board.url)
  expect([page.status, page.headers.get('content-type')]).toEqual([200, expect.stringContaining('text/html')])
})

test.for(['pause', 'empty', 'clean/completed', 'obliterate'])(
  'P9 %s is refused',
  async (order, { board }) => {
    const response = await fetch(`${board.url}/api/queues/media-process/${order}`, { method: 'PUT' })
    expect(response.status).toBe(405)
  },
)

test('P9 a job can be neither removed nor changed', async ({ board, addJob }) => {
  await addJob('kept')
  const response = await fetch(`${board.url}/api/queues/media-process/kept/clean`, { method: 'PUT' })
  expect(response.status).toBe(405)
})
