import { isIP } from 'node:net'
import { ConfigError } from '@parley/shared/env'
import { z } from 'zod'

/** A secret as Standard Webhooks writes it: 24 to 64 random bytes in base64. */
export const Secret = z
  .string()
  .regex(/^whsec_[A-Za-z0-9+/]+={0,2}$/, 'whsec_ and base64')
  .refine((text) => {
    const { length } = Buffer.from(text.slice('whsec_'.length), 'base64')
    return length >= 24 && length <= 64
  }, '24 to 64 bytes')

const Endpoint = z.strictObject({
  id: z.string().regex(/^[a-z0-9-]{1,32}$/, 'lower case letters, digits and -, at most 32'),
  url: z.url({ protocol: /^https?$/ }).max(1_000),
  /** Kinds of events, `message.created`; a whole family, `message.*`; or all, `*`. */
  events: z
    .array(z.string().regex(/^(\*|[a-z]+\.(\*|[a-z-]+))$/))
    .min(1)
    .max(50),
  /** Both sign: the second holds while a receiver changes over. */
  secrets: z.array(Secret).min(1).max(2),
})
export type Endpoint = z.output<typeof Endpoint>

const Endpoints = z
  .array(Endpoint)
  .max(20)
  .refine((all) => new Set(all.map(({ id }) => id)).size === all.length, 'two endpoints have the same id')

/** The endpoints of `WEBHOOKS`, a JSON array. Throws `ConfigError`, which tells no values. */
export function loadEndpoints(
  text: string | undefined,
  { plainHttp }: { plainHttp: 'refuse' | 'accept' },
): Endpoint[] {
  if (text === undefined) return []
  const parsed = Endpoints.safeParse(parseJson(text))
  if (!parsed.success) throw new ConfigError(`WEBHOOKS is wrong\n${z.prettifyError(parsed.error)}`)
  for (const { id, url } of parsed.data) {
    const { protocol, hostname } = new URL(url)
    if (protocol === 'http:' && plainHttp === 'refuse' && !isLoopback(hostname))
      throw new ConfigError(`WEBHOOKS is wrong\n✖ ${id}: only https, but for this machine itself`)
  }
  return parsed.data
}

const isLoopback = (hostname: string) =>
  hostname === 'localhost' || hostname === '[::1]' || (isIP(hostname) === 4 && hostname.startsWith('127.'))

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Whether an endpoint that asks for these kinds wants this one. */
export const wants = (events: string[], event: string): boolean =>
  events.some((asked) => asked === '*' || asked === event || asked === `${event.split('.', 1)[0]}.*`)
