interface Endpoint {
  host: string
  port: number
}

interface Credentials {
  username?: string
  password?: string
}

interface Access {
  credentials: Credentials
  tls: boolean
}

/** Some nodes of a cluster, by which the others are found. */
export type ClusterAddress = Access & { kind: 'cluster'; nodes: Endpoint[] }

/** One server, or sentinels that know which server is the primary. */
export type ServerAddress =
  | { kind: 'plain'; url: string }
  | (Access & { kind: 'sentinel'; name: string; sentinels: Endpoint[]; sentinelCredentials: Credentials })

export type RedisAddress = ClusterAddress | ServerAddress

const shape =
  /^(?<scheme>rediss?)(?:\+(?<kind>cluster|sentinel))?:\/\/(?:(?<user>[^@/?#]*)@)?(?<hosts>[^@/?#]+)(?:\/(?<path>[^?#]*))?(?:\?(?<query>[^#]*))?$/
const defaultPorts = { cluster: 6379, sentinel: 26_379 }

/**
 * Reads `REDIS_URL` (ADR 35): `redis://host:port`, `redis+cluster://host:port,host:port` or
 * `redis+sentinel://host:port,host:port/name`, each with `user:password@` for Redis, and with `rediss` for TLS. What
 * is asked of sentinels goes after it: `?sentinelUsername=…&sentinelPassword=…`. Throws an error that says what is
 * wrong and shows nothing of the value, which holds a password.
 */
export function parseRedisUrl(url: string): RedisAddress {
  const parts = shape.exec(url)?.groups
  if (!parts) throw new Error('not redis://…, redis+cluster://… or redis+sentinel://…, nor rediss… for TLS')
  const { kind, path = '', query = '' } = parts
  if (kind !== 'cluster' && kind !== 'sentinel') {
    if (parts['hosts']?.includes(','))
      throw new Error('several addresses: say redis+cluster or redis+sentinel')
    if (!URL.canParse(url)) throw new Error('host or port cannot be read')
    return { kind: 'plain', url }
  }
  const endpoints = (parts['hosts'] ?? '').split(',').map((text) => parseEndpoint(text, defaultPorts[kind]))
  const shared = { credentials: parseCredentials(parts['user']), tls: parts['scheme'] === 'rediss' }
  if (kind === 'cluster') {
    if (path || query)
      throw new Error('a cluster has no databases or names: nothing goes after the addresses')
    return { kind, nodes: endpoints, ...shared }
  }
  if (!/^[\w.-]+$/.test(path)) throw new Error('the name of the primary goes after the sentinels: …/name')
  return { kind, name: path, sentinels: endpoints, sentinelCredentials: parseQuery(query), ...shared }
}

function parseEndpoint(text: string, defaultPort: number): Endpoint {
  // A scheme that URL knows, so that it checks names, IPv6 in brackets and ports as it does for web addresses.
  const url = /^[^:]+$|^[^:]+:\d+$|^\[[^\]]+\](?::\d+)?$/.test(text) ? URL.parse(`ws://${text}`) : null
  if (!url || url.username) throw new Error('addresses are host:port, separated by commas')
  const port = /:(\d+)$/.exec(text.replace(/^\[.*\]/, ''))?.[1]
  return { host: url.hostname.replaceAll(/^\[|\]$/g, ''), port: port ? Number(port) : defaultPort }
}

function parseCredentials(text = ''): Credentials {
  const colon = text.indexOf(':')
  const [username, password] = colon < 0 ? [text, ''] : [text.slice(0, colon), text.slice(colon + 1)]
  return toCredentials(decode(username), decode(password))
}

function parseQuery(text: string): Credentials {
  const query = new URLSearchParams(text)
  const { sentinelUsername = '', sentinelPassword = '', ...others } = Object.fromEntries(query)
  if (Object.keys(others).length > 0) throw new Error('options are sentinelUsername and sentinelPassword')
  return toCredentials(sentinelUsername, sentinelPassword)
}

const toCredentials = (username: string, password: string): Credentials => ({
  ...(username ? { username } : {}),
  ...(password ? { password } : {}),
})

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw new Error('user and password are percent-encoded: % is %25')
  }
}
