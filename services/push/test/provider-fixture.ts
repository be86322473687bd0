import { randomUUID } from 'node:crypto'
import type { ConversationId, DeviceId } from '@parley/shared/ids'
import { connectSoon, openRedis } from '@parley/shared/redis'
import { test as base, inject } from 'vitest'
import { readCredentialSet } from '../src/credentials/credential-set.ts'
import type { SetOptions } from '../src/providers/opened-set.ts'
import type { AlertPush, CallPush, WithdrawalPush } from '../src/providers/provider.ts'
import { delivery, log } from './fixture.ts'

export const conversationId = 'g-1' as ConversationId

export const test = base.extend('redis', { scope: 'file' }, async ({}, { onCleanup }) => {
  const redis = openRedis({ url: inject('redisUrl') }, log)
  await connectSoon(redis)
  onCleanup(() => redis.disconnect())
  return redis
})

/** A set of credentials in use, as a worker would have it. */
export const openSet = (raw: object, options: Pick<SetOptions, 'redis'> & Partial<SetOptions>) =>
  readCredentialSet('test', raw).open({
    log,
    minted: () => {},
    count: () => {},
    refused: () => {},
    ...options,
  })

type Token = AlertPush['token']

export function push(kind: Token['kind'], token: Partial<Token> = {}): AlertPush {
  const { deviceId, badge, alerts, ...rest } = delivery({ conversationId, kind })
  const alert = alerts[0] ?? { messageId: '', seq: 0, title: '', body: '', sentAt: '', audible: true }
  const id = randomUUID()
  return { kind: 'alert', id, conversationId, deviceId, badge, alert, token: { ...rest.token, ...token } }
}

export function withdrawalPush(kind: Token['kind'], token: Partial<Token> = {}): WithdrawalPush {
  const { id, deviceId, badge, token: made } = push(kind, token)
  return {
    kind: 'withdrawal',
    id,
    deviceId,
    badge,
    token: made,
    read: [{ conversationId, seq: 3 }],
    gone: [],
  }
}

export function callPush(
  kind: Token['kind'],
  {
    action = 'ring',
    ringUntil = new Date(Date.now() + 30_000),
    ...token
  }: Partial<Token> & Partial<Pick<CallPush, 'action'>> & { ringUntil?: Date } = {},
): CallPush {
  const { id, token: made } = push(kind, token)
  const call = {
    callId: randomUUID(),
    conversationId,
    callerId: 'bob' as CallPush['call']['callerId'],
    callerName: 'Bob',
    media: 'video' as const,
    startedAt: new Date().toISOString(),
    ringUntil: ringUntil.toISOString(),
  }
  return { kind: 'call', id, deviceId: 'device-1' as DeviceId, token: made, action, call }
}
