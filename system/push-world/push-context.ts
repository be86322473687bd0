import type { Logger } from '@parley/shared/log'
import type { RedisClient } from '@parley/shared/redis'
import type { Redis } from 'ioredis'
import type { notify } from '../../services/push/src/notify/notify.ts'
import type { PushProvider } from '../../services/push/src/providers/provider.ts'
import type { Step } from './job-board.ts'
import type { Messages } from './messages.ts'

type NotifyContext = Parameters<typeof notify>[0]

interface PushContextOptions {
  step: Step
  redis: RedisClient
  provider: PushProvider
  answers: Messages['answers']
  log: Logger
}

/** What a worker of push has around it. Each call of it to messages, Redis or a provider is a step. */
export function createPushContext({
  step,
  redis,
  provider,
  answers,
  log,
}: PushContextOptions): NotifyContext {
  const steppedProvider: PushProvider = {
    name: provider.name,
    send: (push) => step(() => provider.send(push)),
  }
  const context = {
    log,
    redis: { eval: (...args: Parameters<Redis['eval']>) => step(() => redis.eval(...args)) },
    messages: {
      call: (method: keyof typeof answers, _key: string, request: never) =>
        step<unknown>(() => answers[method](request)),
    },
    providers: { for: () => steppedProvider },
    // Nothing is given up here.
    deadLetters: { async add() {} },
    lull: { hold: (work: () => Promise<unknown>) => work(), wait: () => step(async () => {}) },
    tracing: undefined,
    metrics: { attempted() {}, withdrew() {} },
  } satisfies Record<keyof NotifyContext, unknown>
  return context as unknown as NotifyContext
}
