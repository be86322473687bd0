import { httpUrl, httpUrls, logLevel, parseEnv, port } from '@parley/shared/env'
import { z } from 'zod'
import type { EdgeOptions } from './edge.ts'

const EdgeEnv = z.object({
  PORT: port,
  HOST: z.string().default('127.0.0.1'),
  LOG_LEVEL: logLevel,
  MESSAGES_URL: httpUrl,
  MEDIA_URL: httpUrl,
  /** Of gateways g1, g2, … in this order, as the two lists below. */
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
    messagesUrl: parsed.MESSAGES_URL,
    mediaUrl: parsed.MEDIA_URL,
    gateways: parsed.GATEWAY_URLS.map((url, i) => ({
      id: `g${i + 1}`,
      url,
      readyUrl: parsed.GATEWAY_READY_URLS[i] ?? url,
    })),
    ...(parsed.INSPECTOR_URL ? { inspectorUrl: parsed.INSPECTOR_URL } : {}),
  }
}
