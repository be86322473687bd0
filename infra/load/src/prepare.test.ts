import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, test } from 'vitest'
import { preparePeople } from './prepare.ts'

test('people are signed up as fast as the server lets them, and all of them', async () => {
  const directory = await mkdtemp(path.join(tmpdir(), 'parley-people-'))
  let asked = 0
  let refused = 0
  const server = createServer((request, response) => {
    request.resume()
    // Every other one comes too soon.
    if (asked++ % 2 === 0) {
      refused++
      const error = { code: 'rate_limited', message: 'too soon', retryable: true, retryAfterMs: 5 }
      response.writeHead(429).end(JSON.stringify({ error }))
    } else {
      const body = { accessToken: `token-${asked}`, refreshToken: 'r', summary: { conversationId: 'g-1' } }
      response.writeHead(201).end(JSON.stringify(body))
    }
  })
  try {
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const { port } = server.address() as AddressInfo
    const file = path.join(directory, 'people.csv')
    await preparePeople(`http://127.0.0.1:${port}`, file, { people: 5, groupSize: 5 })
    const lines = (await readFile(file, 'utf8')).trim().split('\n')
    expect(lines).toHaveLength(5)
    for (const line of lines) expect(line).toMatch(/^token-\d+,load-[0-9a-f]+,g-1$/)
    expect(refused).toBeGreaterThanOrEqual(11)
  } finally {
    server.close()
    await rm(directory, { recursive: true })
  }
})
