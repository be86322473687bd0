import { httpUrl, httpUrls, logLevel, parseEnv, port } from '@parley/shared/env'
import { z } from 'zod'
import type { EdgeOptions } from './edge.ts'
import type { InstanceAddress } from './instance-pool.ts'

const EdgeEnv = z.object({
  PORT: port,
  HOST: z.string().default('127.0.0.1'),
  LOG_LEVEL: logLevel,
  /** Each list has its twin with where to ask whether the instance is ready, in the same order. */
  MESSAGES_URLS: httpUrls,
  MESSAGES_READY_URLS: httpUrls,
  MEDIA_URLS: httpUrls,
  MEDIA_READY_URLS: httpUrls,
  /** Of gateways g1, g2, … */
  GATEWAY_URLS: httpUrls,
  GATEWAY_READY_URLS: httpUrls,
  INSPECTOR_URL: httpUrl.optional(),
})

export function loadEdgeConfig(env: NodeJS.ProcessEnv): Omit<EdgeOptions, 'log'> & { level: string } {
  const parsed = parseEnv(EdgeEnv, env)
  return {
    level: parsed.LOG_LEVEL,
    port: parsed.PORT,
    host: parsed.HOST,
    messages: instances('m', parsed.MESSAGES_URLS, parsed.MESSAGES_READY_URLS),
    media: instances('f', parsed.MEDIA_URLS, parsed.MEDIA_READY_URLS),
    gateways: instances('g', parsed.GATEWAY_URLS, parsed.GATEWAY_READY_URLS),
    ...(parsed.INSPECTOR_URL ? { inspectorUrl: parsed.INSPECTOR_URL } : {}),
  }
}

function instances(prefix: string, urls: string[], readyUrls: string[]): InstanceAddress[] {
  return urls.map((url, i) => ({ id: `${prefix}${i + 1}`, url, readyUrl: readyUrls[i] ?? url }))
}
