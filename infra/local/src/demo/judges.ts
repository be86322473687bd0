import type { Entry } from '@parley/shared/entry'
import { createApi, signUp } from '@parley/testing/chat-api'
import type { ChatClient } from '@parley/testing/chat-client'
import type { ReceivedPush } from '@parley/testing/push-simulator-log'
import { connect, type Character } from './people.ts'
import { download } from './send-photo.ts'
import type { Stage } from './stage.ts'
import { until } from './until.ts'
import type { Verdicts } from './verdicts.ts'

interface Logs {
  acked: Map<string, { seq: number }>
  conversationId: string
  ada: Character
  bo: ChatClient
}

/** Every acknowledged message is in both logs, once, in the same order. */
export function judgeLogs(verdicts: Verdicts, { acked, conversationId, ada, bo }: Logs): void {
  const [hers, his] = [ada.client.entries(conversationId), bo.entries(conversationId)]
  const idsOf = (entries: Entry[]) => entries.map(({ clientMessageId }) => clientMessageId)
  const lost = [...acked].filter(([id, { seq }]) => idsOf(hers)[seq - 1] !== id || idsOf(his)[seq - 1] !== id)
  verdicts.check(
    'P1',
    'every acknowledged message is in both logs, at its number',
    lost.length === 0,
    `${acked.size} acknowledged, ${lost.length} missing`,
  )
  const counted = his.every(({ seq }, i) => seq === i + 1)
  const same = JSON.stringify(idsOf(hers)) === JSON.stringify(idsOf(his))
  verdicts.check(
    'P3',
    'one log, numbered 1, 2, 3 … without holes, the same for both',
    counted && same,
    `${his.length} entries`,
  )
  verdicts.check(
    'P4',
    'who was away has missed nothing',
    his.length === hers.length,
    `${his.length} of ${hers.length}`,
  )
}

/** The read mark moves forward only, reaches the other side, and unread follows it. */
export async function judgeReading(
  verdicts: Verdicts,
  {
    conversationId,
    ada,
    bo,
    highest,
  }: { conversationId: string; ada: Character; bo: Character; highest: number },
): Promise<void> {
  const mark = async (seq: number) => {
    const reply = await bo.client.ask<{ seq: number }>('receipt:read', { conversationId, seq })
    return reply.ok ? reply.data.seq : -1
  }
  const marks = [await mark(highest), await mark(1)]
  const told = () =>
    ada.client.events.some(({ name, payload }) => {
      const receipt = payload as { kind?: string; seq?: number; userId?: string }
      return (
        name === 'receipt:moved' &&
        receipt.kind === 'read' &&
        receipt.userId === bo.userId &&
        receipt.seq === highest
      )
    })
  await until('Ada to see that Bo has read', told)
  const synced = await bo.client.ask<{ conversations: { conversationId: string; unread: number }[] }>(
    'log:sync',
    {},
  )
  const unread = synced.ok
    ? synced.data.conversations.find((it) => it.conversationId === conversationId)?.unread
    : undefined
  verdicts.check(
    'P5',
    'the read mark never goes back, and nothing is unread after it',
    marks.every((seq) => seq === highest) && unread === 0,
    `mark ${marks.join(' then ')}, unread ${unread}`,
  )
}

/** Each message sent while Bo was away was told once at most for every message, and nothing was told to its sender. */
export async function judgePushes(
  verdicts: Verdicts,
  { toBo, toAda, pushedFor }: { toBo: ReceivedPush[]; toAda: ReceivedPush[]; pushedFor: number[] },
): Promise<void> {
  const [hers, his] = [toAda.filter(isAlert), toBo.filter(isAlert)]
  const times = Map.groupBy(his, seqOf)
  const each = pushedFor.every((seq) => times.has(seq))
  // The same message again under the same id replaces its own banner; another id would be a second one.
  const doubled = [...times.values()].filter(
    (pushes) => new Set(pushes.map(({ headers }) => headers['apns-id'])).size > 1,
  )
  verdicts.check(
    'P6',
    'who is away is told of each message, once, and the sender of none',
    each && doubled.length === 0 && hers.length === 0,
    `${his.length} alerts for ${times.size} messages, ${hers.length} to the sender`,
  )
}

/** What only puts a badge right or takes alerts down names no message, and may come as often as it likes. */
const isAlert = (push: ReceivedPush) => !Number.isNaN(seqOf(push))

export function seqOf({ payload }: ReceivedPush): number {
  return Number((payload as { seq?: unknown }).seq)
}

/** Somebody else gets nothing, and nonsense gets a code. */
export async function judgeStrangers(
  verdicts: Verdicts,
  { stage, conversationId, mediaId }: { stage: Stage; conversationId: string; mediaId: string },
): Promise<void> {
  const api = createApi(stage.app)
  const eve = await signUp(api, 'eve')
  await using client = await connect(eve, stage.gateways[1])
  const codeOf = (reply: { ok: boolean; error?: { code: string } }) => reply.error?.code ?? 'let in'
  const refused = [
    codeOf(await client.ask('log:read', { conversationId })),
    codeOf(
      await client.ask('message:send', {
        clientMessageId: 'x',
        to: { conversationId },
        type: 'text',
        content: { text: 'boo' },
      }),
    ),
    String((await download(stage.app, `/v1/media/${mediaId}`, eve.token)).status),
  ]
  verdicts.check(
    'P9',
    'a stranger reads, sends and fetches nothing',
    refused.every((it) => it === 'forbidden' || it === '403' || it === '404'),
    refused.join(', '),
  )
  const nonsense = [
    codeOf(await client.ask('no:such:event', {})),
    codeOf(await client.ask('message:send', 42)),
    codeOf(
      await client.ask('message:send', {
        clientMessageId: 'x',
        to: { userId: 'a' },
        type: 'text',
        content: { text: '\0' },
      }),
    ),
  ]
  verdicts.check(
    'P10',
    'nonsense is answered with a code',
    nonsense.every((it) => it === 'unknown_event' || it === 'invalid_request'),
    nonsense.join(', '),
  )
}
