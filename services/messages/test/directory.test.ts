import { randomUUID as uuid } from 'node:crypto'
import type { Entry } from '@parley/shared/entry'
import { ownConversationId, type UserId } from '@parley/shared/ids'
import type { Profile } from '@parley/shared/protocol'
import { type Api, type Person, signUp } from '@parley/testing/chat-api'
import { describe, expect, vi } from 'vitest'
import type { Context } from '../src/context.ts'
import { accountsByPrefix } from '../src/directory/store.ts'
import { readyMedia, test } from './fixture.ts'

const me = async (api: Api, who: Person) => (await api.get('/v1/me', who.token)).body as unknown as Profile
const change = (api: Api, who: Person, body: object) => api.patch('/v1/me', body, who.token)

async function find(api: Api, who: Person, query: string, more = '') {
  const { status, body } = await api.get(`/v1/users?query=${encodeURIComponent(query)}${more}`, who.token)
  expect(status).toBe(200)
  const { users, cursor } = body as unknown as { users: Profile[]; cursor?: string }
  return { userIds: users.map(({ userId }) => userId), users, cursor }
}

async function befriend(api: Api, a: Person, b: Person): Promise<void> {
  await api.post('/v1/contacts/requests', { userId: b.userId }, a.token)
  expect((await api.post('/v1/contacts/requests', { userId: a.userId }, b.token)).body).toMatchObject({
    state: 'contact',
  })
}

async function ownEntries(api: Api, who: Person): Promise<Entry[]> {
  const path = `/v1/conversations/${ownConversationId(who.userId as UserId)}/entries`
  return ((await api.get(path, who.token)).body['entries'] ?? []) as unknown as Entry[]
}

describe('the own profile', () => {
  test('A3.11 is read and changed, and other devices of the user are told once', async ({ api }) => {
    const ann = await signUp(api, 'ann', { displayName: 'Ann' })
    expect(await me(api, ann)).toEqual({
      userId: ann.userId,
      displayName: 'Ann',
      discoverable: true,
      messagesFrom: 'anyone',
      presenceTo: 'everyone',
    })
    const avatar = 'https://pictures.example/ann.jpg'
    const body = { displayName: 'Anna', avatar, messagesFrom: 'contacts' }
    expect((await change(api, ann, body)).body).toMatchObject(body)
    expect((await change(api, ann, body)).body).toMatchObject(body)
    expect(await me(api, ann)).toMatchObject({ ...body, discoverable: true })
    expect(await ownEntries(api, ann)).toMatchObject([
      { kind: 'profile', type: 'profile.changed', content: { displayName: 'Anna', avatar } },
    ])
    expect((await change(api, ann, { displayName: null, avatar: null })).body).toEqual({
      userId: ann.userId,
      discoverable: true,
      messagesFrom: 'contacts',
      presenceTo: 'everyone',
    })
  })

  test('changes at the same moment are told in the order they hold', async ({ api }) => {
    const ann = await signUp(api)
    await Promise.all(Array.from({ length: 8 }, (_, i) => change(api, ann, { displayName: `Ann ${i}` })))
    const last = (await ownEntries(api, ann)).at(-1)
    expect(last?.content).toMatchObject({ displayName: (await me(api, ann)).displayName })
  })

  test('P8 an avatar refers to media only if it is ready, a picture, and the user’s own', async ({ api }) => {
    const [ann, ben] = [await signUp(api), await signUp(api)]
    const mediaId = uuid()
    expect((await change(api, ann, { avatar: mediaId })).body.error?.code).toBe('not_found')
    const facts = { mediaId, contentType: 'image/png', sizeBytes: 9, fileName: 'a.png' }
    readyMedia.set(mediaId, { ownerId: ann.userId, facts: facts as never })
    expect((await change(api, ben, { avatar: mediaId })).body.error?.code).toBe('not_found')
    expect((await change(api, ann, { avatar: mediaId })).body).toMatchObject({ avatar: mediaId })
    const film = uuid()
    readyMedia.set(film, {
      ownerId: ann.userId,
      facts: { ...facts, mediaId: film, contentType: 'video/mp4' } as never,
    })
    expect((await change(api, ann, { avatar: film })).body.error?.code).toBe('invalid_request')
  })

  test('A3.11 a change is told soon to every contact, once, and bumps their rosters', async ({ api }) => {
    const ann = await signUp(api, 'ann')
    const friends = await Promise.all(Array.from({ length: 3 }, () => signUp(api)))
    for (const friend of friends) await befriend(api, ann, friend)
    await change(api, ann, { displayName: 'Ann the Second' })
    for (const friend of friends) {
      const told = async () =>
        (await ownEntries(api, friend)).filter(({ type }) => type === 'contact.profile')
      await vi.waitUntil(async () => (await told()).length > 0)
      expect(await told()).toMatchObject([
        { kind: 'contact', content: { userId: ann.userId, displayName: 'Ann the Second' } },
      ])
      const { body } = await api.get('/v1/contacts?since=2', friend.token)
      expect(body['contacts']).toMatchObject([{ userId: ann.userId, displayName: 'Ann the Second' }])
    }
  })

  test.for([
    ['an empty name', { displayName: ' ' }],
    ['too long a name', { displayName: 'x'.repeat(129) }],
    ['an avatar that is no address', { avatar: 'me.jpg' }],
    ['an avatar of plain HTTP', { avatar: 'http://pictures.example/a.jpg' }],
    ['a script for an avatar', { avatar: 'javascript:alert(1)' }],
    ['too long an avatar', { avatar: `https://pictures.example/${'x'.repeat(100)}` }],
    ['an unknown setting', { messagesFrom: 'nobody' }],
    ['a field that is not the user’s', { userId: 'root' }],
  ] as const)('P10 refuses %s', async ([, body], { api }) => {
    const ann = await signUp(api)
    const reply = await change(api, ann, body)
    expect([reply.status, reply.body.error?.code]).toEqual([400, 'invalid_request'])
    expect(await ownEntries(api, ann)).toEqual([])
  })
})

describe('the directory', () => {
  test('A3.12 finds people by id, name, later words of a name, and parts of a Chinese name', async ({
    api,
  }) => {
    const seeker = await signUp(api, 'seeker')
    const tag = uuid().slice(0, 6)
    const ada = await signUp(api, `lady-${tag}`, { displayName: `Ada${tag} Lovelace${tag}` })
    const ming = await signUp(api, 'ming', { displayName: `王小明${tag}` })
    expect((await find(api, seeker, `LADY-${tag}`)).userIds).toEqual([ada.userId])
    expect((await find(api, seeker, `ada${tag}`)).userIds).toEqual([ada.userId])
    expect((await find(api, seeker, `lovelace${tag}`)).userIds).toEqual([ada.userId])
    expect((await find(api, seeker, `小明${tag}`)).userIds).toEqual([ming.userId])
    expect((await find(api, seeker, `ovelace${tag}`)).userIds).toEqual([])
    await change(api, ada, { displayName: `Countess${tag}` })
    expect((await find(api, seeker, `lovelace${tag}`)).userIds).toEqual([])
    expect((await find(api, seeker, `countess${tag}`)).users).toEqual([
      { userId: ada.userId, displayName: `Countess${tag}` },
    ])
  })

  test('pages name everybody once', async ({ api }) => {
    const seeker = await signUp(api, 'seeker')
    const tag = uuid().slice(0, 6)
    const people = await Promise.all(
      Array.from({ length: 7 }, (_, i) => signUp(api, `${tag}-${i}`, { displayName: `${tag} ${tag} ${i}` })),
    )
    const seen: string[] = []
    let page = await find(api, seeker, tag, '&limit=3')
    seen.push(...page.userIds)
    while (page.cursor) {
      page = await find(api, seeker, tag, `&limit=3&cursor=${page.cursor}`)
      seen.push(...page.userIds)
    }
    expect(seen.toSorted()).toEqual(people.map(({ userId }) => userId).toSorted())
  })

  test('P9 does not find who does not wish it, or blocks the seeker, whatever the wildcards', async ({
    api,
  }) => {
    const seeker = await signUp(api, 'seeker')
    const tag = uuid().slice(0, 6)
    const [shy, cross] = [await signUp(api, `${tag}-shy`), await signUp(api, `${tag}-cross`)]
    await change(api, shy, { discoverable: false })
    await api.put(`/v1/contacts/${seeker.userId}/block`, {}, cross.token)
    expect((await find(api, seeker, tag)).userIds).toEqual([])
    for (const wild of ['%%', '__', '.*', "' or", '\\\\'])
      expect((await find(api, seeker, wild)).userIds).toEqual([])
    await change(api, shy, { discoverable: true })
    expect((await find(api, seeker, tag)).userIds).toEqual([shy.userId])
  })

  test('a page is read from the index in order, however many names begin alike', async ({
    api,
    pool,
    service,
  }) => {
    const seeker = await signUp(api, 'seeker')
    await pool.query(
      `insert into account (user_id, password_hash, display_name)
       select 'common-' || i, 'x', 'Common Name ' || i from generate_series(1, 5000) i`,
    )
    await pool.query('vacuum analyze directory_term, account')
    const page = await find(api, seeker, 'common', '&limit=20')
    expect(page.userIds).toHaveLength(20)
    const plan = await planOf(service.ctx, 'common', seeker.userId)
    expect(plan).toContain('directory_term_pkey')
    expect(plan).not.toContain('Seq Scan')
    expect(plan).not.toContain('Sort')
    expect(
      Math.max(...[...plan.matchAll(/actual rows=([\d.]+)/g)].map(([, rows]) => Number(rows))),
    ).toBeLessThan(100)
  })

  test.for([
    ['one letter', 'query=a'],
    ['nothing', ''],
    ['spaces', 'query=%20%20%20'],
    ['a page too large', 'query=abc&limit=51'],
    ['a cursor of another making', 'query=abc&cursor=nonsense'],
    [
      'a cursor with NUL',
      `query=abc&cursor=${Buffer.from('{"term":"\\u0000","userId":"a"}').toString('base64url')}`,
    ],
    ['too many words', `query=${'x'.repeat(65)}`],
  ] as const)('P10 refuses to look for %s', async ([, query], { api }) => {
    const ann = await signUp(api)
    const reply = await api.get(`/v1/users?${query}`, ann.token)
    expect([reply.status, reply.body.error?.code]).toEqual([400, 'invalid_request'])
  })

  test('A3.12 P10 nobody copies the directory page by page', async ({ api }) => {
    const ann = await signUp(api)
    const replies = await Promise.all(
      Array.from({ length: 40 }, () => api.get('/v1/users?query=us', ann.token)),
    )
    expect(replies.find(({ status }) => status === 429)?.body.error?.code).toBe('rate_limited')
  })

  test('a lookup tells of those of the ids that exist', async ({ api }) => {
    const [ann, ben] = [await signUp(api), await signUp(api, 'ben', { displayName: 'Ben' })]
    const look = (body: object, token?: string) => api.post('/v1/users/lookup', body, token)
    expect((await look({ userIds: [ben.userId, 'nobody-at-all'] }, ann.token)).body).toEqual({
      users: [{ userId: ben.userId, displayName: 'Ben' }],
    })
    expect((await look({ userIds: [] }, ann.token)).status).toBe(400)
    expect((await look({ userIds: Array.from({ length: 101 }, () => 'x') }, ann.token)).status).toBe(400)
    expect((await look({ userIds: ['x'] })).status).toBe(401)
  })
})

async function planOf(
  { db, pool }: Pick<Context, 'db' | 'pool'>,
  words: string,
  seenBy: string,
): Promise<string> {
  const { sql, parameters } = accountsByPrefix({ words, after: null, seenBy, limit: 21 }).compile(db)
  const { rows } = await pool.query<{ 'QUERY PLAN': string }>(
    `explain (analyze, costs off, timing off) ${sql}`,
    [...parameters],
  )
  return rows.map((row) => row['QUERY PLAN']).join('\n')
}
