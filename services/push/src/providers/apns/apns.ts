import type { Redis } from 'ioredis'
import type { Logger } from 'pino'
import { type ConnectionEvent, createHttp2Client, type Http2Client } from '../../http2/client.ts'
import { apnsPolicy } from '../../http2/policy.ts'
import type { Http2Answer, Http2Request } from '../../http2/request.ts'
import { createPause, type Pause } from '../pause.ts'
import type { AlertPush, PushProvider, Verdict } from '../provider.ts'
import { retryAfterMs } from '../retry-after.ts'
import { tokenHash } from '../token-hash.ts'
import { verdictUnanswered } from '../unanswered.ts'
import { alertRequest } from './alert-request.ts'
import { type ApnsKey, createProviderToken } from './provider-token.ts'
import { apnsActionFor } from './reasons.ts'
import { type ApnsRefusal, readRefusal } from './refusal.ts'

export interface ApnsConfig {
  production: ApnsEnvironmentConfig
  sandbox: ApnsEnvironmentConfig
  ca: string | undefined
  /** For tokens that name none. */
  topic: string | undefined
}

export interface ApnsEnvironmentConfig {
  url: string
  key: ApnsKey
}

interface ApnsOptions {
  redis: Redis
  log: Logger
  minted: () => void
  count: (event: ConnectionEvent) => void
}

/** One environment of APNs: its connections, its token, its rest. */
interface Gateway {
  client: Http2Client
  token: ReturnType<typeof createProviderToken>
  pause: Pause
}

// APNs promises hex and no length; anything else would reach into the path.
const deviceToken = /^[0-9a-f]{2,400}$/i
const topicName = /^[A-Za-z0-9][A-Za-z0-9.-]{0,254}$/

/** Pushes to Apple devices. Sandbox and production share nothing: keys may be bound to one of them. */
export function createApns(config: ApnsConfig, options: ApnsOptions): PushProvider & AsyncDisposable {
  const log = options.log.child({ provider: 'apns' })
  const gateways = {
    production: createGateway(config.production, config.ca, { ...options, log }),
    sandbox: createGateway(config.sandbox, config.ca, { ...options, log }),
  }

  async function sendAlert(push: AlertPush): Promise<Verdict> {
    const gateway = gateways[push.token.environment]
    const topic = push.token.topic ?? config.topic
    if (!deviceToken.test(push.token.value)) return dropped('BadDeviceToken', new Date())
    if (!topic || !topicName.test(topic))
      return { result: 'refused', reason: topic ? 'BadTopic' : 'MissingTopic' }
    const restMs = gateway.pause.remainingMs()
    if (restMs > 0) return { result: 'retry', reason: 'paused', afterMs: restMs }

    const compose = (providerToken: string) => alertRequest(push, { topic, providerToken, now: Date.now() })
    return deliver(gateway, push, compose)
  }

  /** Sends a request and judges the answer; one whose token or connection has gone stale is sent once more. */
  async function deliver(
    gateway: Gateway,
    push: AlertPush,
    compose: (providerToken: string) => Http2Request,
  ): Promise<Verdict> {
    let providerToken = await gateway.token.get()
    let renewed = false
    for (;;) {
      const askedAt = new Date()
      const answer = await gateway.client.send(compose(providerToken))
      if (answer.kind !== 'answered') return verdictUnanswered(answer)
      if (answer.status === 200) {
        gateway.pause.accepted()
        return { result: 'accepted' }
      }
      const refusal = readRefusal(answer)
      const action = apnsActionFor(answer.status, refusal.reason)
      if (action.class !== 'renew' || renewed) return judge(gateway, push, { answer, refusal, askedAt })
      renewed = true
      // APNs goes on judging a connection by the token it was opened with.
      gateway.client.retire(answer.connection)
      const next = action.token ? await gateway.token.replace(providerToken) : providerToken
      if (next === undefined) return judge(gateway, push, { answer, refusal, askedAt })
      providerToken = next
    }
  }

  function judge(
    gateway: Gateway,
    push: AlertPush,
    { answer, refusal, askedAt }: { answer: Http2Answer; refusal: ApnsRefusal; askedAt: Date },
  ): Verdict {
    const { reason, timestamp } = refusal
    const action = apnsActionFor(answer.status, reason)
    switch (action.class) {
      case 'drop':
        return judgeDrop(push, reason, timestamp, askedAt)
      case 'retry': {
        const afterMs = retryAfterMs(answer.headers['retry-after']) ?? action.afterMs
        if (action.newConnection) gateway.client.retire(answer.connection)
        if (action.pause && afterMs) gateway.pause.restFor(afterMs)
        return { result: 'retry', reason, ...(afterMs === undefined ? {} : { afterMs }) }
      }
      case 'renew':
      case 'stop': {
        // Renewing has not helped, so it is the credentials or the clock.
        if (action.class === 'renew' || action.pause) gateway.pause.strike()
        const { status } = answer
        log.error({ status, reason, tokenHash: tokenHash(push.token.value) }, 'push refused for good')
        return { result: 'refused', reason }
      }
    }
  }

  return {
    name: 'apns',
    sendAlert,
    async [Symbol.asyncDispose]() {
      await Promise.all(Object.values(gateways).map(({ client }) => client[Symbol.asyncDispose]()))
    },
  }
}

function createGateway(
  { url, key }: ApnsEnvironmentConfig,
  ca: string | undefined,
  { redis, log, minted, count }: ApnsOptions,
): Gateway {
  return {
    client: createHttp2Client({ origin: url, ca, policy: apnsPolicy, log, count }),
    token: createProviderToken(redis, key, minted),
    pause: createPause(),
  }
}

/**
 * The timestamp of a 410 is when APNs learned that the token is dead for the topic. A token registered again
 * after that is alive, and Apple's knowledge is about to follow: so it is tried again and not dropped.
 */
function judgeDrop(push: AlertPush, reason: string, timestamp: number | undefined, askedAt: Date): Verdict {
  if (timestamp === undefined) return dropped(reason, askedAt)
  const since = new Date(timestamp)
  if (since.getTime() <= Date.parse(push.token.updatedAt))
    return { result: 'retry', reason: 'stale-unregistered' }
  return dropped(reason, since)
}

function dropped(reason: string, since: Date): Verdict {
  return { result: 'dropped-token', reason, since: since.toISOString() }
}
