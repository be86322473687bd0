import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { parseRedisUrl } from './redis-address.ts'

export class ConfigError extends Error {
  override name = 'ConfigError'
}

/**
 * Parses the environment once, at the process edge. The failure names variables, never their values.
 * A variable `X` may also come from a file named by `X_FILE`, as container secrets do.
 */
export function parseEnv<Schema extends z.ZodObject>(
  schema: Schema,
  env: NodeJS.ProcessEnv,
): z.output<Schema> {
  const result = schema.safeParse(withSecretFiles(Object.keys(schema.shape), env))
  if (!result.success) throw new ConfigError(`configuration is wrong\n${z.prettifyError(result.error)}`)
  return result.data
}

function withSecretFiles(names: string[], env: NodeJS.ProcessEnv): Record<string, string | undefined> {
  return Object.fromEntries(
    names.map((name) => {
      // An empty variable counts as absent: compose files and CI write `X=` for "not set".
      const file = env[`${name}_FILE`]
      return [name, file ? readSecret(name, file) : env[name] || undefined]
    }),
  )
}

function readSecret(name: string, file: string): string {
  try {
    return readFileSync(file, 'utf8').trim()
  } catch (cause) {
    throw new ConfigError(`configuration is wrong\n✖ ${name}_FILE cannot be read`, { cause })
  }
}

export const port = z.coerce.number().int().min(0).max(65_535)
/** From failing readiness to closing, in milliseconds: the time balancers have to notice. */
export const drainWaitMs = z.coerce.number().int().min(0).max(15_000).default(0)
/** The address to listen on. */
export const host = z.string().default('0.0.0.0')
export const logLevel = z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info')
export const positiveInt = z.coerce.number().int().positive()
export const postgresUrl = z.url({ protocol: /^postgres(ql)?$/ })
/** Where Redis is, in the notation of `parseRedisUrl`. */
export const redisUrl = z.string().superRefine((url, ctx) => {
  try {
    parseRedisUrl(url)
  } catch (cause) {
    ctx.addIssue({ code: 'custom', message: (cause as Error).message })
  }
})
export const httpUrl = z.url({ protocol: /^https?$/ })
/** One or more base URLs, separated by commas. */
export const httpUrls = z
  .string()
  .transform((text) => text.split(',').map((url) => url.trim()))
  .pipe(z.array(httpUrl).min(1))
/**
 * Addresses, networks and the names `loopback`, `linklocal` and `uniquelocal`, separated by commas: proxies whose
 * word on where a request came from is taken.
 */
export const trustedProxies = z
  .string()
  .default('')
  .transform((text) => text.split(',').flatMap((part) => part.trim() || []))
  .pipe(
    z.array(
      z.union([z.enum(['loopback', 'linklocal', 'uniquelocal']), z.cidrv4(), z.cidrv6(), z.ipv4(), z.ipv6()]),
    ),
  )
/** `scheme://host` or `scheme://host:port` as browsers name the origins of web apps, separated by commas. */
export const allowedOrigins = z
  .string()
  .default('')
  .transform((text) => text.split(',').flatMap((part) => part.trim() || []))
  .pipe(
    z.array(
      z.string().regex(/^[a-z][a-z0-9+.-]*:\/\/[a-z0-9.:[\]-]+$/, 'scheme://host or scheme://host:port'),
    ),
  )
/** What one of our services shows another on its internal port. */
export const internalSecret = z.string().min(16)
