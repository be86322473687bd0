import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'

// Below what Linux, macOS and Windows give to outgoing connections, any of which could take the port before the
// server that it is for.
const range = { first: 10_000, end: 32_000 }
const attempts = 100
/** Longer than any server takes to listen on what it was given. */
const remembered = 2_000
/** Of this process, oldest first. */
const given = new Set<number>()

/**
 * A loopback port nobody listens on at this moment, and which nobody of this process was given lately. Another process
 * may still take it first, by a rare chance.
 */
export async function findFreePort(): Promise<number> {
  for (let i = 0; i < attempts; i++) {
    const port = randomInt(range.first, range.end)
    if (given.has(port)) continue
    given.add(port)
    const [oldest] = given.size > remembered ? given : []
    if (oldest !== undefined) given.delete(oldest)
    if (await canListen(port)) return port
  }
  throw new Error(`no free port among ${attempts} tried`)
}

async function canListen(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1')
  try {
    await once(server, 'listening')
  } catch {
    return false
  }
  server.close()
  await once(server, 'close')
  return true
}
