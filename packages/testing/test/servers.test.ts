import { Redis } from 'ioredis'
import { Client } from 'pg'
import { expect, inject, test } from 'vitest'
import { createDatabase } from '../src/postgres.ts'
import { startPrivateRedis } from '../src/redis.ts'

async function rows(url: string, sql: string): Promise<unknown[]> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows
  } finally {
    await client.end()
  }
}

test('the server is PostgreSQL 18', async () => {
  const [row] = await rows(inject('postgresUrl'), 'show server_version_num')
  expect(row).toEqual({ server_version_num: expect.stringMatching(/^18/) })
})

test('a database starts as a copy of its template and is gone when let go of', async () => {
  const server = inject('postgresUrl')
  await using template = await createDatabase(server)
  await rows(template.url, 'create table thing as select 1 as id')
  const name = new URL(template.url).pathname.slice(1)
  let copy: string
  {
    await using database = await createDatabase(server, name)
    copy = new URL(database.url).pathname.slice(1)
    await rows(database.url, 'insert into thing values (2)')
    expect(await rows(template.url, 'select id from thing')).toEqual([{ id: 1 }])
  }
  expect(await rows(server, `select 1 from pg_database where datname = '${copy}'`)).toEqual([])
})

test('nothing published on the shared Redis is heard on a private one', async () => {
  await using own = await startPrivateRedis()
  await using clients = new AsyncDisposableStack()
  const open = (url: string) => clients.adopt(new Redis(url), (client) => client.disconnect())
  const listener = open(own.url)
  const heard: string[] = []
  listener.on('message', (_channel, text: string) => heard.push(text))
  await listener.subscribe('channel')
  await open(inject('redisUrl')).publish('channel', 'from the shared one')
  await open(own.url).publish('channel', 'from its own')
  await expect.poll(() => heard).toEqual(['from its own'])
})
