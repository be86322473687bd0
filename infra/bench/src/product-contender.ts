import { randomUUID } from 'node:crypto'
import type { Stack } from '@parley/local/stack'
import { createApi, signUp, type Person } from '@parley/testing/chat-api'
import { Client } from 'pg'
import { type Contender, sampleText, type Seat } from './contender.ts'

/** The product as it runs with `npm start`, its limits on senders lifted. */
export function useStack(stack: Stack): Contender {
  const api = createApi(stack.urls.messages)
  const run = randomUUID().slice(0, 8)
  const people: Person[] = []
  let made = 0

  async function signUpTo(count: number): Promise<void> {
    while (people.length < count) {
      people.push(
        ...(await Promise.all(
          Array.from({ length: Math.min(16, count - people.length) }, () => signUp(api, 'bench')),
        )),
      )
    }
  }

  return {
    name: 'parley',
    async seats(groups, size) {
      await signUpTo(groups * size)
      const seats: Seat[] = []
      for (let group = 0; group < groups; group++) {
        const members = people.slice(group * size, (group + 1) * size)
        const to = size === 2 ? undefined : { conversationId: await createGroup(members) }
        for (const [i, member] of members.entries()) {
          const target = JSON.stringify(to ?? { userId: members[1 - i]?.userId })
          seats.push(seatOf(member, target, seats.length))
        }
      }
      return seats
    },
    pids: () => {
      const of = (...names: Parameters<Stack['pid']>[0][]) => names.flatMap((name) => stack.pid(name) ?? [])
      return {
        gateways: of('gateway-1', 'gateway-2'),
        messages: of('messages'),
        postgres: of('postgres'),
        redis: of('redis'),
        others: of('push', 'media', 'edge'),
      }
    },
    verify: (acked) => verifyLogs(stack.urls.postgres, run, acked),
    async [Symbol.asyncDispose]() {},
  }

  async function createGroup([owner, ...others]: Person[]): Promise<string> {
    const { body } = await api.post(
      '/v1/conversations',
      { name: `Group ${++made}`, userIds: others.map(({ userId }) => userId) },
      owner?.token,
    )
    return (body['summary'] as unknown as { conversationId: string }).conversationId
  }

  function seatOf(person: Person, target: string, place: number): Seat {
    const text = JSON.stringify(sampleText)
    const session = randomUUID().slice(0, 8)
    return {
      url: stack.urls.gateways[place % 2] ?? '',
      authJson: JSON.stringify({ token: person.token }),
      event: 'message:send',
      payload: (n) =>
        `{"clientMessageId":"${run}-${session}-${n}","to":${target},"type":"text","content":{"text":${text}}}`,
      receipt: (eventText) => {
        const found = /"conversationId":"([^"]+)","seq":(\d+)/.exec(eventText)
        return found
          ? { event: 'receipt:deliver', payload: `{"conversationId":"${found[1]}","seq":${found[2]}}` }
          : undefined
      },
    }
  }
}

/** At least the acknowledged messages are there, each conversation numbered from 1 without holes. */
async function verifyLogs(url: string, run: string, acked: number): Promise<void> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    const stored = await client.query<{ n: number }>(
      'select count(*)::int as n from messages.entry where client_message_id like $1',
      [`${run}-%`],
    )
    const holes = await client.query(
      'select conversation_id from messages.entry group by conversation_id having count(*) <> max(seq)',
    )
    if ((stored.rows[0]?.n ?? 0) < acked)
      throw new Error(`${acked} acknowledged, ${stored.rows[0]?.n} stored`)
    if (holes.rows.length > 0) throw new Error(`${holes.rows.length} conversations have holes`)
  } finally {
    await client.end()
  }
}
