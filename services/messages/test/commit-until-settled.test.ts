import { randomUUID as uuid } from 'node:crypto'
import { directConversationId, type UserId } from '@parley/shared/ids'
import { createLogger } from '@parley/shared/log'
import { signUp } from '@parley/testing/chat-api'
import type { Pool } from 'pg'
import { expect } from 'vitest'
import type { PreparedSend } from '../src/messages/commit-batch.ts'
import { commitUntilSettled } from '../src/messages/commit-until-settled.ts'
import { test } from './fixture.ts'

const options = { log: createLogger('test', { level: 'silent' }), messagesFrom: 'anyone' as const }

function prepare(senderId: string, directTo: string): PreparedSend {
  return {
    conversationId: directConversationId(senderId as UserId, directTo as UserId),
    senderId,
    directTo,
    clientMessageId: uuid(),
    type: 'text',
    content: { text: 'hi' },
    replyTo: null,
    mentions: null,
    ext: null,
    mediaId: null,
    counted: true,
    stored: true,
    pushed: true,
    synced: true,
    bySystem: false,
    digest: null,
    clientSentAt: null,
  }
}

/** The real pool, whose server goes down once, just when a direct conversation is to be opened. */
function failingOnce(pool: Pool): Pool {
  let failed = false
  return new Proxy(pool, {
    get(target, property) {
      const value: unknown = Reflect.get(target, property)
      if (property !== 'connect' || failed) return typeof value === 'function' ? value.bind(target) : value
      return () => {
        failed = true
        return Promise.reject(Object.assign(new Error('going down'), { code: '57P01' }))
      }
    },
  })
}

test('P4 what was committed is still to be announced when the rest of its batch has to be tried again', async ({
  api,
  service,
}) => {
  const [ann, ben, cat] = [await signUp(api), await signUp(api), await signUp(api)]
  await commitUntilSettled(service.ctx.pool, [prepare(ann.userId, ben.userId)], options)
  const sends = [prepare(ann.userId, ben.userId), prepare(ann.userId, cat.userId)]
  const { outcomes, dispatches } = await commitUntilSettled(failingOnce(service.ctx.pool), sends, options)
  expect(outcomes).toMatchObject([
    { kind: 'committed', seq: 2 },
    { kind: 'committed', seq: 1 },
  ])
  expect(dispatches).toHaveLength(2)
})
