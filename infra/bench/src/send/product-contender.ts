import { randomUUID } from 'node:crypto'
import type { Stack } from '@parley/local/stack'
import { createApi, signUp, type Person } from '@parley/testing/chat-api'
import { Client } from 'pg'
import { type Contender, sampleText, type Seat } from './contender.ts'

interface Places {
  /** Where its clients connect, in turn. */
  urls: string[]
  pids: () => number[]
}

/** The product, by its two gateways unless told by which. */
export function useStack(stack: Stack, gateways: Places = gatewaysOf(stack)): Contender {
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
          seats.push(seatOf(member, target, group, seats.length))
        }
      }
      return seats
    },
    pids: () => {
      const of = (...names: Parameters<Stack['pid']>[0][]) => names.flatMap((name) => stack.pid(name) ?? [])
      return {
        gateways: gateways.pids(),
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

  function seatOf(person: Person, target: string, group: number, place: number): Seat {
    const text = JSON.stringify(sampleText)
    const session = randomUUID().slice(0, 8)
    return {
      url: gateways.urls[place % gateways.urls.length] ?? '',
      group,
      authJson: JSON.stringify({ token: person.token }),
      event: 'message:send',
      payload: (mark) =>
        `{"clientMessageId":"${run}-${session}-${mark}","to":${target},"type":"text","content":{"text":${text}}}`,
      receipt: (eventText) => {
        const found = /"conversationId":"([^"]+)","seq":(\d+)/.exec(eventText)
        return found
          ? { event: 'receipt:deliver', payload: `{"conversationId":"${found[1]}","seq":${found[2]}}` }
          : undefined
      },
    }
  }
}

const gatewaysOf = (stack: Stack): Places => ({
  urls: stack.urls.gateways,
  pids: () => [stack.pid('gateway-1') ?? 0, stack.pid('gateway-2') ?? 0],
})

/** All processes of the product but one, for those who measure something else on that one. */
export const allBut = (product: Contender, shared: 'postgres' | 'redis'): number[] =>
  Object.entries(product.pids()).flatMap(([part, pids]) => (part === shared ? [] : pids))

/**
 * At least the acknowledged messages are there, and each conversation is numbered from 1 without holes. Goes by
 * conversations, so what else fills the table does not have to be read.
 */
async function verifyLogs(url: string, run: string, acked: number): Promise<string[]> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    const { rows } = await client.query<{ stored: number; holes: number }>(
      `select coalesce(sum(own), 0)::int as stored, count(*) filter (where entries <> last_seq or highest <> last_seq)::int as holes
       from messages.conversation c, lateral (
         select count(*) as entries, coalesce(max(seq), 0) as highest, count(*) filter (where client_message_id like $1) as own
         from messages.entry e where e.conversation_id = c.conversation_id
       ) as log`,
      [`${run}-%`],
    )
    const { stored = 0, holes = 0 } = rows[0] ?? {}
    return [
      ...(stored < acked ? [`${acked} messages were acknowledged and ${stored} are stored`] : []),
      ...(holes > 0 ? [`${holes} conversations have holes`] : []),
    ]
  } finally {
    await client.end()
  }
}
