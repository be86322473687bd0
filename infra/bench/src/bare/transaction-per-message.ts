import { setTimeout as wait } from 'node:timers/promises'
import { Client } from 'pg'
import { sampleText } from '../send/contender.ts'

/**
 * What one would write first: each message a transaction of its own that counts the conversation up and inserts the entry, by
 * prepared statements, from several connections at once. Tables as the product's are, with the same indexes and partitions,
 * in a schema of their own on the same Postgres. No check of rights, no doubles found, nobody told.
 */
const [url = '', clientCount = '0', warmUpMs = '0', measureMs = '0'] = process.argv.slice(2)
const schema = 'bench_bare'
const conversationId = 'g-bench'

const clients = await Promise.all(
  Array.from({ length: Number(clientCount) }, async () => {
    const client = new Client({ connectionString: url })
    await client.connect()
    return client
  }),
)
const [first] = clients
await first?.query(`drop schema if exists ${schema} cascade`)
await first?.query(`create schema ${schema}`)
await first?.query(
  `create table ${schema}.conversation (like messages.conversation including all) with (fillfactor = 70)`,
)
await first?.query(
  `insert into ${schema}.conversation (conversation_id, kind, creator_id, last_seq, last_count) values ($1, 'group', 'bench-owner', 0, 0)`,
  [conversationId],
)
await first?.query(
  `create table ${schema}.entry (like messages.entry including all) partition by hash (conversation_id)`,
)
await first?.query(
  `do $$ declare n int := (select count(*) from pg_inherits where inhparent = 'messages.entry'::regclass); begin
     for i in 0 .. n - 1 loop
       execute format('create table ${schema}.entry_%s partition of ${schema}.entry for values with (modulus %s, remainder %s)', i, n, i);
     end loop; end $$`,
)

let committed = 0
let running = true
const lanes = clients.map(async (client, lane) => {
  for (let n = 0; running; n++) {
    await append(client, `bench-${lane}-${n}`)
    committed++
  }
})
await wait(Number(warmUpMs))
const [before, cpu, startedAt] = [committed, process.cpuUsage(), performance.now()]
process.stdout.write('measuring\n')
await wait(Number(measureMs))
const [messages, { user, system }] = [committed - before, process.cpuUsage(cpu)]
const seconds = (performance.now() - startedAt) / 1_000
process.stdout.write(
  `${JSON.stringify({ messagesPerSecond: messages / seconds, messages, cpuMs: (user + system) / 1_000 })}\n`,
)
running = false
await Promise.all(lanes)

// As the product is held to it: what was committed is there, numbered from 1 without holes.
const { rows } = (await first?.query(
  `select count(*)::int as stored, max(seq)::int as highest from ${schema}.entry`,
)) ?? { rows: [] }
if (rows[0].stored !== committed || rows[0].highest !== committed)
  throw new Error(`${committed} were committed, ${rows[0].stored} are stored, up to ${rows[0].highest}`)
await first?.query(`drop schema ${schema} cascade`)
await Promise.all(clients.map((client) => client.end()))

async function append(client: Client, clientMessageId: string): Promise<void> {
  await client.query('begin')
  const { rows: heads } = await client.query<{ last_seq: string; last_count: string }>({
    name: 'count-up',
    text: `update ${schema}.conversation set last_seq = last_seq + 1, last_count = last_count + 1, last_at = now()
           where conversation_id = $1 returning last_seq, last_count`,
    values: [conversationId],
  })
  await client.query({
    name: 'append',
    text: `insert into ${schema}.entry (conversation_id, seq, kind, sender_id, client_message_id, type, content, counted, pushed, count)
           values ($1, $2, 'message', $3, $4, 'text', $5, true, true, $6)`,
    values: [
      conversationId,
      heads[0]?.last_seq,
      'bench-sender',
      clientMessageId,
      { text: sampleText },
      heads[0]?.last_count,
    ],
  })
  await client.query('commit')
}
