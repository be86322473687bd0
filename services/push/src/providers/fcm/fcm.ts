import type { Redis } from 'ioredis'
import type { Logger } from 'pino'
import { z } from 'zod'
import { type ConnectionEvent, createHttp2Client } from '../../http2/client.ts'
import { fcmPolicy } from '../../http2/policy.ts'
import type { Http2Answer } from '../../http2/request.ts'
import { createDropBreaker } from '../drop-breaker.ts'
import { createPause } from '../pause.ts'
import type { Push, PushProvider, Verdict } from '../provider.ts'
import { retryAfterMs } from '../retry-after.ts'
import { tokenHash } from '../token-hash.ts'
import { verdictUnanswered } from '../unanswered.ts'
import { createAccessToken, type FcmAccount } from './access-token.ts'
import { fcmActionFor, type FcmRefusal, readFcmRefusal } from './errors.ts'
import { fcmMessage } from './fcm-message.ts'

export interface FcmConfig {
  url: string
  ca: string | undefined
  account: FcmAccount
}

interface FcmOptions {
  redis: Redis
  log: Logger
  minted: () => void
  count: (event: ConnectionEvent) => void
}

/** Pushes through FCM's HTTP v1 API (Firebase, REST `projects.messages`). */
export function createFcm(config: FcmConfig, options: FcmOptions): PushProvider & AsyncDisposable {
  const log = options.log.child({ provider: 'fcm' })
  const connection = { ca: config.ca, policy: fcmPolicy, log, count: options.count }
  const client = createHttp2Client({ ...connection, origin: config.url })
  const oauth = createHttp2Client({
    ...connection,
    origin: new URL(config.account.tokenUrl).origin,
    policy: { ...fcmPolicy, maxConnections: 1 },
  })
  const accessToken = createAccessToken({ ...options, client: oauth, account: config.account })
  const pause = createPause()
  const breaker = createDropBreaker()
  const path = `/v1/projects/${encodeURIComponent(config.account.projectId)}/messages:send`

  async function send(push: Push): Promise<Verdict> {
    const restMs = pause.remainingMs()
    if (restMs > 0) return { result: 'retry', reason: 'paused', afterMs: restMs }

    const body = fcmMessage(push)
    let token: string | undefined = await accessToken.get()
    for (let attempt = 1; ; attempt++) {
      const askedAt = new Date()
      const answer = await client.send({
        method: 'POST',
        path,
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body,
      })
      if (answer.kind !== 'answered') return verdictUnanswered(answer)
      if (answer.status === 200) {
        pause.accepted()
        breaker.accepted()
        const providerId = messageNameOf(answer.body)
        return { result: 'accepted', ...(providerId === undefined ? {} : { providerId }) }
      }
      const refusal = readFcmRefusal(answer.status, answer.body)
      const renew = fcmActionFor(answer.status, refusal).class === 'renew' && attempt === 1
      token = renew ? await accessToken.replace(token) : undefined
      if (token === undefined) return judge(push, { answer, refusal, askedAt })
    }
  }

  function judge(
    push: Push,
    { answer, refusal, askedAt }: { answer: Http2Answer; refusal: FcmRefusal; askedAt: Date },
  ): Verdict {
    const { status } = answer
    const { reason } = refusal
    const action = fcmActionFor(status, refusal)
    switch (action.class) {
      case 'drop':
        if (reason !== 'UNREGISTERED' && !breaker.mayDrop()) {
          return { result: 'retry', reason: 'too-many-dropped', afterMs: breakerRestMs }
        }
        return { result: 'dropped-token', reason, since: askedAt.toISOString() }
      case 'retry': {
        const asked = retryAfterMs(answer.headers['retry-after'])
        const afterMs = asked ?? action.afterMs
        if (afterMs !== undefined && (action.pause || asked !== undefined)) pause.restFor(afterMs)
        return { result: 'retry', reason, ...(afterMs === undefined ? {} : { afterMs }) }
      }
      case 'renew':
      case 'stop':
        // Renewing has not helped, so it is the account or the clock.
        if (action.class === 'renew' || action.pause) pause.strike()
        log.error({ status, reason, tokenHash: tokenHash(push.token.value) }, 'push refused for good')
        return { result: 'refused', reason }
    }
  }

  return {
    name: 'fcm',
    send,
    async [Symbol.asyncDispose]() {
      await Promise.all([client[Symbol.asyncDispose](), oauth[Symbol.asyncDispose]()])
    },
  }
}

const breakerRestMs = 60_000

const Sent = z.object({ name: z.string().max(512) })

/** `projects/…/messages/…`: what Firebase calls the message. */
function messageNameOf(body: string): string | undefined {
  try {
    return Sent.parse(JSON.parse(body)).name
  } catch {
    return undefined
  }
}
