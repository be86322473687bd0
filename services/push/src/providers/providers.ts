import type { PushTokenKind } from '@parley/shared/protocol'
import type { Redis } from 'ioredis'
import type { Logger } from 'pino'
import type { PushMetrics } from '../metrics.ts'
import { type ApnsConfig, createApns } from './apns/apns.ts'
import { createFcm, type FcmConfig } from './fcm/fcm.ts'
import { notConfigured, type ProviderName, type PushProvider } from './provider.ts'

export interface ProvidersConfig {
  apns: ApnsConfig | undefined
  fcm: FcmConfig | undefined
}

interface ProvidersOptions {
  redis: Redis
  log: Logger
  metrics: PushMetrics
}

const providerOf: Partial<Record<PushTokenKind, ProviderName>> = {
  apns: 'apns',
  fcm: 'fcm',
}

export interface Providers extends AsyncDisposable {
  /** Who alerts this kind of token; one without credentials says so for each push. Undefined: not alerted here. */
  for(kind: PushTokenKind): PushProvider | undefined
}

/** The providers there are credentials for. A further one is a file of its own and a line here. */
export function createProviders(
  config: ProvidersConfig,
  { redis, log, metrics }: ProvidersOptions,
): Providers {
  const opened = new AsyncDisposableStack()
  const options = (name: ProviderName) => ({
    redis,
    log,
    minted: metrics.minted(name),
    count: metrics.connection(name),
  })
  const made: Partial<Record<ProviderName, PushProvider>> = {
    ...(config.apns ? { apns: opened.use(createApns(config.apns, options('apns'))) } : {}),
    ...(config.fcm ? { fcm: opened.use(createFcm(config.fcm, options('fcm'))) } : {}),
  }
  log.info({ providers: Object.keys(made) }, 'push providers')
  return {
    for(kind) {
      const name = providerOf[kind]
      return name && (made[name] ?? notConfigured(name))
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}
