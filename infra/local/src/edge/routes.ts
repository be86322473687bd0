export type Destination = 'media' | 'messages' | 'gateway' | 'page' | 'none'

/** Whose path it is. Only what is named here can be reached from outside. */
export function destinationOf(pathname: string): Destination {
  if (pathname === '/') return 'page'
  if (isUnder(pathname, '/v1/media')) return 'media'
  if (pathname === '/v1/sync' || pathname === '/v1/events') return 'gateway'
  if (isUnder(pathname, '/v1')) return 'messages'
  if (isUnder(pathname, '/socket.io')) return 'gateway'
  return 'none'
}

function isUnder(pathname: string, prefix: string): boolean {
  return pathname === prefix || pathname.startsWith(`${prefix}/`)
}
