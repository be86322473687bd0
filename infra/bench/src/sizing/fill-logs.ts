import { setTimeout as wait } from 'node:timers/promises'
import type { Stack } from '@parley/local/stack'
import { query } from '../storm/statements.ts'

const perConversation = 200
const conversationsAtOnce = 500
const vocabulary = 20_000
const texts = 10_007

/** What differs from message to message, `s` being its number in conversation `c`; everything else is as in the one that was sent. */
const filled: Record<string, string> = {
  conversation_id: "'d-' || substr(md5(c::text), 1, 24)",
  seq: 's',
  count: 's',
  client_message_id: 'gen_random_uuid()::text',
  sent_at: "now() - (c * interval '1 second')",
  content: "jsonb_build_object('text', t.text)",
}

/**
 * Writes messages into the logs of many conversations as sends leave them: like one that was sent, with a text of its own, 4 to
 * 40 words of which few are frequent. Some of the conversations are then indexed by the product itself.
 */
export async function fillLogs(
  stack: Stack,
  messages: number,
  toIndex: number,
  tell: (line: string) => void,
): Promise<{ messages: number; indexed: number; contentBytes: number; walBytes: number }> {
  const conversations = Math.ceil(messages / perConversation)
  await query(
    stack,
    `create unlogged table texts as select n, (
         select string_agg(substr(md5((power(random(), 3) * ${vocabulary})::int::text), 1, 2 + (random() * 7 + word * 0)::int), ' ')
         from generate_series(1, 4 + (n % 6) * (n % 7)) word
       ) as text from generate_series(0, ${texts - 1}) n`,
  )
  await query(stack, 'create unique index on texts (n)')
  await query(stack, 'analyze texts')
  const columns = await columnsOf(stack)
  await query(stack, "create table pattern as select * from messages.entry where client_message_id = 'first'")
  const [{ at: walBefore } = {}] = await query(stack, 'select pg_current_wal_lsn()::text as at')
  for (let from = 1; from <= conversations; from += conversationsAtOnce) {
    const to = Math.min(conversations, from + conversationsAtOnce - 1)
    await query(
      stack,
      `insert into messages.entry (${columns.join(', ')})
         select ${columns.map((column) => filled[column] ?? `e.${column}`).join(', ')}
         from pattern e, generate_series(${from}, ${to}) c, generate_series(1, ${perConversation}) s, texts t
         where t.n = (c * 7919 + s * 104729) % ${texts}`,
    )
    tell(`${to * perConversation} messages`)
  }
  const [{ bytes } = {}] = await query(
    stack,
    `select pg_wal_lsn_diff(pg_current_wal_lsn(), '${String(walBefore)}')::float8 as bytes`,
  )
  const [{ content } = {}] = await query(
    stack,
    'select avg(octet_length(content::text))::float8 as content from messages.entry tablesample system (5)',
  )

  // The conversations themselves, so that the indexer finds them.
  const some = Math.ceil(toIndex / perConversation)
  await query(
    stack,
    `insert into messages.conversation select (jsonb_populate_record(c, jsonb_build_object(
         'conversation_id', 'd-' || substr(md5(i::text), 1, 24), 'last_seq', ${perConversation}, 'last_count', ${perConversation}))).*
       from messages.conversation c, generate_series(1, ${some}) i
       where c.conversation_id = (select conversation_id from messages.entry where client_message_id = 'first')`,
  )
  await query(
    stack,
    `insert into messages.search_pending (conversation_ids)
       select array['d-' || substr(md5(i::text), 1, 24)] from generate_series(1, ${some}) i`,
  )
  for (;;) {
    const [{ indexed } = {}] = await query(
      stack,
      'select count(*)::int as indexed from messages.search_document',
    )
    if (Number(indexed) >= some * perConversation)
      return {
        messages: conversations * perConversation,
        indexed: some * perConversation,
        contentBytes: Number(content),
        walBytes: Number(bytes),
      }
    tell(`${String(indexed)} of ${some * perConversation} are indexed`)
    await wait(2_000)
  }
}

async function columnsOf(stack: Stack): Promise<string[]> {
  const rows = await query(
    stack,
    `select attname as name from pg_attribute
     where attrelid = 'messages.entry'::regclass and attnum > 0 and not attisdropped and attgenerated = ''`,
  )
  return rows.map(({ name }) => String(name))
}
