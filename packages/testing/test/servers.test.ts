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

test('databases start as copies of a template that is filled once, and are gone when let go of', async () => {
  const server = inject('postgresUrl')
  let filled = 0
  const template = {
    name: 'thing',
    fill: async (url: string) => {
      filled++
      await rows(url, 'create table thing as select 1 as id')
    },
  }
  let copies: string[]
  {
    await using opened = new AsyncDisposableStack()
    const made = await Promise.all([1, 2, 3].map(() => createDatabase(server, template)))
    const [first, second] = made.map((database) => opened.use(database).url)
    copies = made.map(({ url }) => new URL(url).pathname.slice(1))
    await rows(first ?? '', 'insert into thing values (2)')
    expect(await rows(second ?? '', 'select id from thing')).toEqual([{ id: 1 }])
  }
  expect(filled).toBe(1)
  expect(await rows(server, `select from pg_database where datname in ('${copies.join("','")}')`)).toEqual([])
})

test('a template whose filling failed is filled anew', async () => {
  const server = inject('postgresUrl')
  const name = 'doomed'
  const fail = () => Promise.reject(new Error('no'))
  await expect(createDatabase(server, { name, fill: fail })).rejects.toThrow('no')
  await using database = await createDatabase(server, {
    name,
    fill: (url) => rows(url, 'create table thing as select 1 as id'),
  })
  expect(await rows(database.url, 'select id from thing')).toEqual([{ id: 1 }])
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
