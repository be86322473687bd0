import { host, logLevel, parseEnv, port, redisUrl } from '@parley/shared/env'
import { z } from 'zod'

const Env = z.object({
  HOST: host,
  PORT: port.default(8091),
  LOG_LEVEL: logLevel,
  REDIS_URL: redisUrl,
})

export type Config = ReturnType<typeof loadConfig>

export function loadConfig(env: NodeJS.ProcessEnv) {
  const parsed = parseEnv(Env, env)
  return {
    http: { host: parsed.HOST, port: parsed.PORT },
    log: { level: parsed.LOG_LEVEL },
    redis: { url: parsed.REDIS_URL },
  }
}
