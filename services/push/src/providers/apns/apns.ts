import type { Redis } from 'ioredis'
import type { Logger } from 'pino'
import { type ConnectionEvent, createHttp2Client, type Http2Client } from '../../http2/client.ts'
import { apnsPolicy } from '../../http2/policy.ts'
import type { Http2Answer, Http2Request } from '../../http2/request.ts'
import { createDropBreaker, type DropBreaker } from '../drop-breaker.ts'
import { createPause, type Pause } from '../pause.ts'
import type { Push, PushProvider, Verdict } from '../provider.ts'
import { retryAfterMs } from '../retry-after.ts'
import { tokenHash } from '../token-hash.ts'
import { verdictUnanswered } from '../unanswered.ts'
import { apnsRequest } from './apns-request.ts'
import { type ApnsKey, createProviderToken } from './provider-token.ts'
import { apnsActionFor } from './reasons.ts'
import { type ApnsRefusal, readRefusal } from './refusal.ts'

export interface ApnsConfig {
  sets: ApnsCredentials[]
  ca: string | undefined
  /** For tokens that name none. */
  topic: string | undefined
}

/** A key and what it is for: a key may be bound to an environment and to some topics. */
export interface ApnsCredentials {
  environment: 'production' | 'sandbox'
  /** All but those another set names, if undefined. */
  topics: string[] | undefined
  url: string
  key: ApnsKey
}

interface ApnsOptions {
  redis: Redis
  log: Logger
  minted: () => void
  count: (event: ConnectionEvent) => void
}

/** One set of credentials: its connections, its token, its rest. Sets share nothing. */
interface Gateway extends Pick<ApnsCredentials, 'environment' | 'topics'> {
  client: Http2Client
  breaker: DropBreaker
  token: ReturnType<typeof createProviderToken>
  pause: Pause
}

// APNs promises hex and no length; anything else would reach into the path.
const deviceToken = /^[0-9a-f]{2,400}$/i
const topicName = /^[A-Za-z0-9][A-Za-z0-9.-]{0,254}$/

/** Pushes to Apple devices, each with the credentials of its environment and topic. */
export function createApns(config: ApnsConfig, options: ApnsOptions): PushProvider & AsyncDisposable {
  const log = options.log.child({ provider: 'apns' })
  // Those for certain topics first: the others are for what is left.
  const gateways = config.sets
    .map((set) => createGateway(set, config.ca, { ...options, log }))
    .toSorted((a, b) => Number(a.topics === undefined) - Number(b.topics === undefined))

  function gatewayFor(environment: Gateway['environment'], topic: string): Gateway | undefined {
    return gateways.find(
      (one) => one.environment === environment && (one.topics === undefined || one.topics.includes(topic)),
    )
  }

  async function send(push: Push): Promise<Verdict> {
    const topic = push.token.topic ?? config.topic
    if (!deviceToken.test(push.token.value)) return dropped('BadDeviceToken', new Date())
    if (!topic || !topicName.test(topic))
      return { result: 'refused', reason: topic ? 'BadTopic' : 'MissingTopic' }
    const gateway = gatewayFor(push.token.environment, topic)
    if (!gateway) return { result: 'refused', reason: 'not-configured' }
    const restMs = gateway.pause.remainingMs()
    if (restMs > 0) return { result: 'retry', reason: 'paused', afterMs: restMs }

    const compose = (providerToken: string) => apnsRequest(push, { topic, providerToken, now: Date.now() })
    return deliver(gateway, push, compose)
  }

  /** Sends a request and judges the answer; one whose token or connection has gone stale is sent once more. */
  async function deliver(
    gateway: Gateway,
    push: Push,
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
        gateway.breaker.accepted()
        const providerId = answer.headers['apns-id']
        return { result: 'accepted', ...(typeof providerId === 'string' ? { providerId } : {}) }
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
    push: Push,
    { answer, refusal, askedAt }: { answer: Http2Answer; refusal: ApnsRefusal; askedAt: Date },
  ): Verdict {
    const { reason, timestamp } = refusal
    const action = apnsActionFor(answer.status, reason)
    switch (action.class) {
      case 'drop':
        return judgeDrop(gateway, push, { reason, timestamp, askedAt })
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
    send,
    async [Symbol.asyncDispose]() {
      await Promise.all(gateways.map(({ client }) => client[Symbol.asyncDispose]()))
    },
  }
}

function createGateway(
  { url, key, environment, topics }: ApnsCredentials,
  ca: string | undefined,
  { redis, log, minted, count }: ApnsOptions,
): Gateway {
  return {
    client: createHttp2Client({ origin: url, ca, policy: apnsPolicy, log, count }),
    token: createProviderToken(redis, key, minted),
    pause: createPause(),
    breaker: createDropBreaker(),
    environment,
    topics,
  }
}

// What our own configuration can bring about for every token at once, by a wrong topic or environment.
const maybeOurs = new Set(['BadDeviceToken', 'DeviceTokenNotForTopic'])
const breakerRestMs = 60_000

/**
 * The timestamp of a 410 is when APNs learned that the token is dead for the topic. A token registered again
 * after that is alive, and Apple's knowledge is about to follow: so it is tried again and not dropped.
 */
function judgeDrop(
  { breaker }: Gateway,
  push: Push,
  { reason, timestamp, askedAt }: { reason: string; timestamp: number | undefined; askedAt: Date },
): Verdict {
  if (maybeOurs.has(reason) && !breaker.mayDrop()) {
    return { result: 'retry', reason: 'too-many-dropped', afterMs: breakerRestMs }
  }
  if (timestamp === undefined) return dropped(reason, askedAt)
  const since = new Date(timestamp)
  if (since.getTime() <= Date.parse(push.token.updatedAt))
    return { result: 'retry', reason: 'stale-unregistered' }
  return dropped(reason, since)
}

function dropped(reason: string, since: Date): Verdict {
  return { result: 'dropped-token', reason, since: since.toISOString() }
}
