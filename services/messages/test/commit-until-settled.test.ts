import { randomUUID as uuid } from 'node:crypto'
import { everybody } from '@parley/shared/content'
import { directConversationId, type UserId } from '@parley/shared/ids'
import { createLogger } from '@parley/shared/log'
import { type Person, signUp } from '@parley/testing/chat-api'
import type { Pool } from 'pg'
import { expect } from 'vitest'
import { commitBatch } from '../src/messages/commit-batch.ts'
import { commitPlain } from '../src/messages/commit-plain.ts'
import { commitUntilSettled } from '../src/messages/commit-until-settled.ts'
import { createPlainSends } from '../src/messages/plain-sends.ts'
import type { PreparedSend } from '../src/messages/prepared-send.ts'
import { test } from './fixture.ts'

const options = () => ({
  log: createLogger('test', { level: 'silent' }),
  messagesFrom: 'anyone' as const,
  plainSends: createPlainSends(),
})

function prepare(senderId: string, directTo: string): PreparedSend {
  return {
    conversationId: directConversationId(senderId as UserId, directTo as UserId),
    senderId,
    directTo,
    clientMessageId: uuid(),
    type: 'text',
    content: { text: 'hi' },
    replyTo: null,
    mentions: null,
    ext: null,
    mediaId: null,
    counted: true,
    stored: true,
    pushed: true,
    synced: true,
    bySystem: false,
    digest: null,
    clientSentAt: null,
  }
}

/** The real pool, whose server goes down once, just when a direct conversation is to be opened. */
function failingOnce(pool: Pool): Pool {
  let failed = false
  return new Proxy(pool, {
    get(target, property) {
      const value: unknown = Reflect.get(target, property)
      if (property !== 'connect' || failed) return typeof value === 'function' ? value.bind(target) : value
      return () => {
        failed = true
        return Promise.reject(Object.assign(new Error('going down'), { code: '57P01' }))
      }
    },
  })
}

test('P4 what was committed is still to be announced when the rest of its batch has to be tried again', async ({
  api,
  service,
}) => {
  const [ann, ben, cat] = [await signUp(api), await signUp(api), await signUp(api)]
  await commitUntilSettled(service.ctx.pool, [prepare(ann.userId, ben.userId)], options())
  const sends = [prepare(ann.userId, ben.userId), prepare(ann.userId, cat.userId)]
  const { outcomes, dispatches } = await commitUntilSettled(failingOnce(service.ctx.pool), sends, options())
  expect(outcomes).toMatchObject([
    { kind: 'committed', seq: 2 },
    { kind: 'committed', seq: 1 },
  ])
  expect(dispatches).toHaveLength(2)
})

test('P2 a send that was committed before is found, and the others of its batch are committed', async ({
  api,
  service,
}) => {
  const [ann, ben, cat] = [await signUp(api), await signUp(api), await signUp(api)]
  const first = prepare(ann.userId, ben.userId)
  const { pool } = service.ctx
  const { outcomes: before } = await commitUntilSettled(pool, [first], options())
  const again = [prepare(ann.userId, ben.userId), first, prepare(ann.userId, cat.userId)]
  const { outcomes } = await commitUntilSettled(pool, again, options())
  expect(outcomes).toMatchObject([
    { kind: 'committed', seq: 2 },
    { kind: 'known', seq: 1, sentAt: (before[0] as { sentAt: Date }).sentAt },
    { kind: 'committed', seq: 1 },
  ])
})

test('P3 sends of one conversation keep their order where only some of them are plain', async ({
  api,
  service,
}) => {
  const [ann, ben] = [await signUp(api), await signUp(api)]
  const { pool } = service.ctx
  await commitUntilSettled(pool, [prepare(ann.userId, ben.userId)], options())
  const sends = [
    prepare(ann.userId, ben.userId),
    { ...prepare(ann.userId, ben.userId), stored: false },
    prepare(ann.userId, ben.userId),
  ]
  const { outcomes } = await commitUntilSettled(pool, sends, options())
  expect(outcomes).toMatchObject([{ seq: 2 }, { kind: 'passed' }, { seq: 3 }])
})

test('what follows the first message of a direct conversation goes the plain way', async ({
  api,
  service,
}) => {
  const [ann, ben] = [await signUp(api), await signUp(api)]
  const { pool } = service.ctx
  const own = options()
  await commitUntilSettled(pool, [prepare(ann.userId, ben.userId)], own)
  expect(own.plainSends.includes(prepare(ann.userId, ben.userId))).toBe(true)
  await commitUntilSettled(pool, [{ ...prepare(ann.userId, ben.userId), senderId: 'nobody' }], own)
  expect(own.plainSends.includes(prepare(ann.userId, ben.userId))).toBe(false)
})

test('both ways to commit store the same', async ({ api, service }) => {
  const [ann, ben, cat] = [await signUp(api), await signUp(api), await signUp(api)]
  const { pool } = service.ctx
  const stored: unknown[] = []
  for (const [other, commit] of [
    [ben, commitPlain],
    [cat, commitBatch],
  ] as const) {
    await commitUntilSettled(pool, [prepare(ann.userId, other.userId)], options())
    const { conversationId } = prepare(ann.userId, other.userId)
    const rich: Partial<PreparedSend>[] = [
      { digest: 'd "quoted"', ext: { 'a\\b': '{"x": 1,}' }, clientSentAt: '2026-01-01T00:00:00.000Z' },
      { replyTo: `${conversationId}.1`, mentions: [other.userId], counted: false, pushed: false },
      { type: 'image', mediaId: uuid(), content: { text: 'null' }, synced: false },
      { content: { text: String.raw`\ " { } , é 🎉` } },
    ]
    const sends = rich.map((own) => ({ ...prepare(ann.userId, other.userId), ...own }))
    const { standings, dispatchId } = await commit(pool, sends)
    expect(standings).toMatchObject([
      { kind: 'committed', seq: 2, counted: true },
      { kind: 'committed', seq: 3, counted: false },
      { kind: 'committed', seq: 4, counted: true },
      { kind: 'committed', seq: 5, counted: true },
    ])
    const of = [conversationId]
    const { rows: entries } = await pool.query(
      `select seq, kind, sender_id, type, content, digest, replace(reply_to, conversation_id, '') as reply_to,
         jsonb_array_length(mentions) as mentions, ext, counted, pushed, synced, count, client_sent_at, target_seq
       from entry where conversation_id = $1 order by seq`,
      of,
    )
    const { rows: conversations } = await pool.query(
      `select last_seq, last_count, shown_seq, last_at = entry_at as same_moment from conversation where conversation_id = $1`,
      of,
    )
    const { rows: references } = await pool.query(
      'select seq from media_reference where conversation_id = $1',
      of,
    )
    const { rows: dispatches } = await pool.query(
      'select first_seqs, last_seqs from dispatch where dispatch_id = $1',
      [dispatchId],
    )
    const { rows: times } = await pool.query<{ sent_at: Date }>(
      'select sent_at from entry where conversation_id = $1 and seq = 5',
      of,
    )
    expect(standings[3]).toMatchObject({ sentAt: times[0]?.sent_at })
    stored.push({ entries, conversations, references, dispatches })
  }
  expect(stored[0]).toEqual(stored[1])
})

test('P3 the plain way stores each message under the number that is told, wherever its conversation comes in the batch', async ({
  api,
  service,
}) => {
  const [ann, ben, cat, dan, eve] = (await Promise.all(Array.from({ length: 5 }, () => signUp(api)))) as [
    Person,
    ...Person[],
  ]
  const others = [ben, cat, dan, eve].flatMap((person) => person?.userId ?? [])
  const { pool } = service.ctx
  // Each begins at another number.
  for (const [i, other] of others.entries())
    for (let n = 0; n <= i; n++) await commitUntilSettled(pool, [prepare(ann.userId, other)], options())
  const to = (i: number) => prepare(ann.userId, others[i] ?? '')
  const from = (i: number): PreparedSend => ({ ...to(i), senderId: others[i] ?? '', directTo: ann.userId })
  await pool.query('update conversation set all_silenced = true where conversation_id = $1', [
    to(1).conversationId,
  ])
  await pool.query('update conversation set counts = false where conversation_id = $1', [
    to(3).conversationId,
  ])
  const sends = [to(2), to(1), from(0), to(3), from(2), to(0), from(3), from(1)]
  const { standings } = await commitPlain(pool, sends)

  const { rows } = await pool.query<{
    id: string
    seq: number
    counted: boolean
    sentAt: Date
    inAll: number
  }>(
    `select client_message_id as id, seq, counted, sent_at as "sentAt", count as "inAll"
     from entry where client_message_id = any($1)`,
    [sends.map(({ clientMessageId }) => clientMessageId)],
  )
  const stored = sends.map(({ clientMessageId }) => rows.find(({ id }) => id === clientMessageId))
  expect(stored.map((row) => row?.seq)).toEqual([4, undefined, 2, 5, 5, 3, 6, undefined])
  expect(stored.map((row) => row?.inAll)).toEqual([4, undefined, 2, 4, 5, 3, 4, undefined])
  for (const [i, standing] of standings.entries()) {
    const { seq, counted, sentAt } = stored[i] ?? {}
    expect(standing).toMatchObject(
      seq === undefined ? { kind: 'stale' } : { kind: 'committed', seq, counted, sentAt },
    )
  }
})

const member = 'update member set %s where conversation_id = $1 and user_id = $2'
const conversation = 'update conversation set %s where conversation_id = $1 and $2::text is not null'

test.for([
  ['whoever is not a member', { senderId: 'nobody' }, ''],
  ['a reply to what is not there yet', { replyTo: '.99' }, ''],
  ['somebody who is blocked', {}, member.replace('%s', "barred = 'blocked'")],
  ['somebody who is silenced', {}, member.replace('%s', "silenced_until = now() + interval '1 minute'")],
  ['a conversation that is silenced', {}, conversation.replace('%s', 'all_silenced = true')],
  ['one that keeps nothing', {}, conversation.replace('%s', 'stores = false')],
  ['one that is dissolved', {}, conversation.replace('%s', 'dissolved_at = now()')],
  [
    'a mention of everybody where members may not',
    { mentions: [everybody] },
    conversation.replace('%s', 'members_mention_all = false'),
  ],
] as const)(
  'P9 the plain way stores nothing of %s, nor of the conversation, and the rest of the batch',
  async ([_what, own, change], { api, service }) => {
    const [ann, ben, cat] = [await signUp(api), await signUp(api), await signUp(api)]
    const { pool } = service.ctx
    for (const other of [ben, cat])
      await commitUntilSettled(pool, [prepare(ann.userId, other.userId)], options())
    const bad = prepare(ann.userId, ben.userId)
    if (change) await pool.query(change, [bad.conversationId, ann.userId])
    const replyTo = 'replyTo' in own ? `${bad.conversationId}${own.replyTo}` : null
    const { standings } = await commitPlain(pool, [
      prepare(ann.userId, ben.userId),
      { ...bad, ...own, mentions: 'mentions' in own ? [...own.mentions] : null, replyTo },
      prepare(ann.userId, cat.userId),
    ])
    expect(standings).toMatchObject([{ kind: 'stale' }, { kind: 'stale' }, { kind: 'committed', seq: 2 }])
    const { rows } = await pool.query(
      `select last_seq, (select count(*) from entry e where e.conversation_id = c.conversation_id) as entries
       from conversation c where conversation_id = $1`,
      [bad.conversationId],
    )
    expect(rows).toEqual([{ last_seq: 1, entries: 1 }])
  },
)
